// The user's terminal while a container has it: raw mode, size, and the wish to know when the size changes.
#pragma once

#include <termios.h>

#include <optional>

#include "base/unique_fd.hpp"
#include "core/terminal_watchdog.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// Standard input in raw mode for as long as this lives. The old mode comes back on every way out, also when a
// signal that ends the process comes in between (SIGQUIT, SIGABRT, SIGSEGV and the like; after SIGKILL the
// watchdog sees to it), and while the process is stopped (SIGTSTP); SIGCONT takes raw mode again and counts
// as a change of the window. One at a time.
class RawMode {
 public:
  // What a program that takes the whole screen writes to standard output when it enters and leaves it; both
  // must live as long as the process, and are written wherever the mode changes.
  explicit RawMode(const char* entering = "", const char* leaving = "");
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  void leave();

  std::optional<TerminalWatchdog> watchdog_;
};

// Whether a whole screen can be drawn, by what TERM says: it is set, not empty and not "dumb".
bool has_screen();

// The size of the terminal on standard output; zeros when it has none.
runtime::TerminalSize terminal_size();

// Readable after the window changed (SIGWINCH), until drained.
class WindowWatch {
 public:
  WindowWatch();
  ~WindowWatch();
  WindowWatch(const WindowWatch&) = delete;
  WindowWatch& operator=(const WindowWatch&) = delete;
  int fd() const { return read_end_.get(); }
  void drain() const;

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
};

}  // namespace drydock::core
