#include "core/owner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

namespace drydock::core {
namespace {

// A child that waits to be killed.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::alarm(60);
      while (true) ::pause();
    }
  }
  ~Child() { reap(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }
  void kill() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

// Owner::self() as that process would have said it.
Owner owner_of(pid_t pid) {
  Owner owner = Owner::self();
  owner.pid = pid;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  for (int i = 0; i < 20; ++i) fields >> owner.start;
  return owner;
}

TEST(Owner, IsThisProcess) {
  const Owner self = Owner::self();
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_EQ(self.uid, ::geteuid());
  EXPECT_EQ(self.boot_id.size(), 36U);
  EXPECT_EQ(self.pid_namespace.substr(0, 5), "pid:[");
  EXPECT_EQ(self.start, owner_of(::getpid()).start);
  EXPECT_EQ(liveness(self), Liveness::alive);
}

TEST(Owner, GoesIntoLabelsAndComesBack) {
  runtime::Labels labels;
  const Owner self = Owner::self();
  self.write_to(labels);
  const auto back = Owner::read_from(labels);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->pid, self.pid);
  EXPECT_EQ(back->start, self.start);
  EXPECT_EQ(back->boot_id, self.boot_id);
  EXPECT_EQ(back->pid_namespace, self.pid_namespace);
  EXPECT_EQ(back->uid, self.uid);
}

TEST(Owner, IsNotReadFromNonsense) {
  runtime::Labels sound;
  Owner::self().write_to(sound);
  ASSERT_TRUE(Owner::read_from(sound));
  EXPECT_FALSE(Owner::read_from({}));
  for (const char* pid : {"", "0", "-1", "12x", " 12", "99999999999999999999", "1e3"}) {
    runtime::Labels labels = sound;
    labels["io.drydock.owner-pid"] = pid;
    EXPECT_FALSE(Owner::read_from(labels)) << pid;
  }
  for (const char* uid : {"", "-1", "root"}) {
    runtime::Labels labels = sound;
    labels["io.drydock.owner-uid"] = uid;
    EXPECT_FALSE(Owner::read_from(labels)) << uid;
  }
}

TEST(Liveness, OfAnotherProcess) {
  Child child;
  const Owner owner = owner_of(child.pid());
  EXPECT_EQ(liveness(owner), Liveness::alive);
  child.reap();
  EXPECT_EQ(liveness(owner), Liveness::dead);
}

TEST(Liveness, AZombieIsDead) {
  Child child;
  const Owner owner = owner_of(child.pid());
  ASSERT_EQ(liveness(owner), Liveness::alive);
  child.kill();  // and nobody has reaped it
  EXPECT_EQ(liveness(owner), Liveness::dead);
}

TEST(Liveness, ARecycledPidIsSomebodyElse) {
  Owner owner = Owner::self();
  owner.start = std::to_string(std::stoull(owner.start) - 1);
  EXPECT_EQ(liveness(owner), Liveness::dead);
}

TEST(Liveness, AnotherBootIsDeath) {
  Owner owner = Owner::self();
  owner.boot_id = "00000000-0000-4000-8000-000000000000";
  EXPECT_EQ(liveness(owner), Liveness::dead);
  owner.pid_namespace = "pid:[1]";
  EXPECT_EQ(liveness(owner), Liveness::dead);
}

TEST(Liveness, InAnotherPidNamespaceIsUnknown) {
  Owner owner = Owner::self();
  owner.pid_namespace = "pid:[1]";
  EXPECT_EQ(liveness(owner), Liveness::unknown);
  owner.pid = 0x3fffffff;
  EXPECT_EQ(liveness(owner), Liveness::unknown) << "there the pid means another process";
}

TEST(Liveness, WithoutABootIdIsUnknown) {
  Owner owner = Owner::self();
  owner.boot_id.clear();
  EXPECT_EQ(liveness(owner), Liveness::unknown);
}

}  // namespace
}  // namespace drydock::core
