#include "core/sidecar_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace drydock::core {
namespace {

// A process of that name, which sleeps.
class Child {
 public:
  explicit Child(const char* name) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_NAME, name);
      static_cast<void>(!::write(ends[1], "x", 1));
      while (true) ::pause();
    }
    char named = 0;
    static_cast<void>(!::read(ends[0], &named, 1));
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Child() { end(); }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }
  int pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

bool readable(int fd, int milliseconds) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, milliseconds) == 1;
}

TEST(SidecarWatch, SeesTheEndOfAGuard) {
  Child guard("drydock-guard");
  const SidecarWatch watch(guard.pid());
  ASSERT_GE(watch.fd(), 0);
  EXPECT_FALSE(readable(watch.fd(), 20));
  guard.end();
  EXPECT_TRUE(readable(watch.fd(), 5000));
}

TEST(SidecarWatch, WatchesNothingElse) {
  Child other("sleep");
  EXPECT_EQ(SidecarWatch(other.pid()).fd(), -1);
  EXPECT_EQ(SidecarWatch(0).fd(), -1);
  EXPECT_EQ(SidecarWatch(1).fd(), -1);
  EXPECT_EQ(SidecarWatch(1 << 22).fd(), -1);
}

}  // namespace
}  // namespace drydock::core
