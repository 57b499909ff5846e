// Gives a terminal its mode back after SIGKILL, which nobody can catch: a small child waits for the end of
// this process and then looks after the terminal.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include "base/unique_fd.hpp"

namespace drydock::core {

// The child holds a pipe and nothing else: no terminal, no standard stream, no session or group of ours, so
// that no signal of the terminal's reaches it and no terminal is kept open by it. It ends with this object,
// which waits for it; if the process ends first, it opens the terminal anew, sets `cooked` if the mode still
// is `raw` (a shell that has taken over is left alone), and ends.
class TerminalWatchdog {
 public:
  // Of the terminal on standard input. Does nothing when that has no name. `words` are written to it when its
  // mode is set, such as what leaves the alternate screen.
  TerminalWatchdog(const termios& raw, const termios& cooked, const char* words = "");
  ~TerminalWatchdog();
  TerminalWatchdog(const TerminalWatchdog&) = delete;
  TerminalWatchdog& operator=(const TerminalWatchdog&) = delete;

 private:
  UniqueFd pipe_;
  pid_t child_ = -1;
};

}  // namespace drydock::core
