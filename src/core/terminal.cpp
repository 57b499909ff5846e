#include "core/terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace drydock::core {
namespace {

termios saved_mode;
termios raw_mode;
std::atomic<bool> is_raw{false};
const char* enter_words = "";
const char* leave_words = "";
std::atomic<bool> has_entered{false};
std::atomic<int> window_pipe{-1};
constexpr std::array fatal_signals{SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
std::array<struct sigaction, fatal_signals.size()> earlier_fatal;
struct sigaction earlier_window;
struct sigaction earlier_stop;
struct sigaction earlier_continue;

// Async-signal-safe, as tcsetattr is (signal-safety(7)).
void say(const char* words) {
  if (*words == '\0') return;
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, words, std::strlen(words));
}

void say_entering() {
  if (!has_entered.exchange(true)) say(enter_words);
}

void say_leaving() {
  if (has_entered.exchange(false)) say(leave_words);
}

void restore() {
  if (!is_raw.exchange(false)) return;
  say_leaving();
  tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

void take_again() {
  tcsetattr(STDIN_FILENO, TCSANOW, &raw_mode);
  say_entering();
}

void on_fatal(int signal) {
  restore();
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(signal, &by_default, nullptr);
  raise(signal);
}

void on_window(int) {
  const int saved = errno;
  const char byte = 'w';
  [[maybe_unused]] const ssize_t written = ::write(window_pipe.load(), &byte, 1);
  errno = saved;
}

void on_continue(int) {
  const int saved = errno;
  // From the background this stops the process once more, until it is in the foreground (SIGTTOU).
  if (is_raw.load()) take_again();
  if (window_pipe.load() >= 0) on_window(SIGWINCH);
  errno = saved;
}

void on_stop(int signal) {
  const int saved = errno;
  say_leaving();
  tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  struct sigaction ours {};
  sigaction(signal, &by_default, &ours);
  sigset_t only;
  sigset_t before;
  sigemptyset(&only);
  sigaddset(&only, signal);
  raise(signal);
  sigprocmask(SIG_UNBLOCK, &only, &before);  // here it stops
  sigprocmask(SIG_SETMASK, &before, nullptr);
  sigaction(signal, &ours, nullptr);
  // Where stopping has no effect (an orphaned process group) no SIGCONT comes either.
  if (is_raw.load()) take_again();
  errno = saved;
}

void handle(int signal, void (*handler)(int), struct sigaction& earlier, int flags = 0) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, &earlier);
}

}  // namespace

RawMode::RawMode(const char* entering, const char* leaving) {
  if (tcgetattr(STDIN_FILENO, &saved_mode) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot read the terminal's mode", errno));
  }
  raw_mode = saved_mode;
  cfmakeraw(&raw_mode);
  watchdog_.emplace(raw_mode, saved_mode, leaving);
  enter_words = entering;
  leave_words = leaving;
  is_raw.store(true);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) handle(fatal_signals[i], on_fatal, earlier_fatal[i]);
  handle(SIGTSTP, on_stop, earlier_stop, SA_RESTART);
  handle(SIGCONT, on_continue, earlier_continue, SA_RESTART);
  if (tcsetattr(STDIN_FILENO, TCSANOW, &raw_mode) != 0) {
    const int reason = errno;
    leave();
    throw Error(ErrorKind::internal, with_errno("cannot set the terminal to raw mode", reason));
  }
  say_entering();
}

RawMode::~RawMode() { leave(); }

void RawMode::leave() {
  restore();
  sigaction(SIGTSTP, &earlier_stop, nullptr);
  sigaction(SIGCONT, &earlier_continue, nullptr);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i)
    sigaction(fatal_signals[i], &earlier_fatal[i], nullptr);
}

bool has_screen() {
  const char* name = std::getenv("TERM");
  return name != nullptr && *name != '\0' && std::string_view(name) != "dumb";
}

runtime::TerminalSize terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

WindowWatch::WindowWatch() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot make a pipe", errno));
  }
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  window_pipe.store(write_end_.get());
  struct sigaction action {};
  action.sa_handler = on_window;
  action.sa_flags = SA_RESTART;
  sigaction(SIGWINCH, &action, &earlier_window);
}

WindowWatch::~WindowWatch() {
  sigaction(SIGWINCH, &earlier_window, nullptr);
  window_pipe.store(-1);
}

void WindowWatch::drain() const {
  char buffer[64];
  while (::read(read_end_.get(), buffer, sizeof buffer) > 0) {
  }
}

}  // namespace drydock::core
