#include "core/terminal_watchdog.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.hpp"

namespace drydock::core {
namespace {

constexpr int first_free = 3;

bool same_mode(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
         a.c_lflag == b.c_lflag && std::memcmp(a.c_cc, b.c_cc, sizeof a.c_cc) == 0;
}

void close_all_but(int kept) {
  const long limit = ::sysconf(_SC_OPEN_MAX);
  if (kept > first_free) ::close_range(first_free, static_cast<unsigned>(kept) - 1, 0);
  if (::close_range(static_cast<unsigned>(kept) + 1, ~0U, 0) == 0) return;
  for (int fd = first_free; fd < limit; ++fd) {  // Linux before 5.9
    if (fd != kept) ::close(fd);
  }
}

// In the child, after fork: nothing here allocates or locks (signal-safety(7)).
[[noreturn]] void watch(int pipe, const char* terminal, const termios& raw, const termios& cooked,
                        const char* words) {
  ::setsid();
  ::prctl(PR_SET_NAME, "drydock-tty");
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::signal(SIGHUP, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open): nothing is executed
  for (int fd = 0; fd < first_free; ++fd) ::dup2(null, fd);
  close_all_but(pipe);

  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 0) {
    const int fd = ::open(terminal, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    termios now{};
    if (fd >= 0 && ::tcgetattr(fd, &now) == 0 && same_mode(now, raw)) {
      ::tcsetattr(fd, TCSANOW, &cooked);
      [[maybe_unused]] const ssize_t written = ::write(fd, words, std::strlen(words));
    }
  }
  ::_exit(0);
}

}  // namespace

TerminalWatchdog::TerminalWatchdog(const termios& raw, const termios& cooked, const char* words) {
  std::array<char, 256> terminal{};
  int ends[2];
  if (::ttyname_r(STDIN_FILENO, terminal.data(), terminal.size()) != 0) return;
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  UniqueFd read_end(ends[0]);
  pipe_.reset(ends[1]);
  // No handler of ours may run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  child_ = ::fork();
  if (child_ == 0) watch(read_end.get(), terminal.data(), raw, cooked, words);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (child_ < 0) log::debug("the terminal has no watchdog: {}", std::strerror(errno));
}

TerminalWatchdog::~TerminalWatchdog() {
  if (child_ <= 0) return;
  const char byte = 'd';
  [[maybe_unused]] const ssize_t written = ::write(pipe_.get(), &byte, 1);
  pipe_.reset();
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace drydock::core
