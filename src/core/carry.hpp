// The user's standard streams on an attached stream: raw mode and size of the terminal where there is one,
// and the pump.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/stop_source.hpp"
#include "core/pump.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct CarryOptions {
  bool tty = false;
  bool with_stdin = true;
  std::string detach_keys;  // as DetachKeys::parse; only with a TTY
  // Gives the other side's terminal its size. An Error of it is not told: the command may have ended.
  std::function<void(runtime::TerminalSize)> resize;
  // Have the program on the other side paint its screen: the size changes there and back.
  bool repaint = false;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  int watched = -1;  // as PumpOptions
  std::function<void()> on_watched;
};

// Until one side ends it. The terminal has its old mode again when this returns or throws.
PumpEnd carry(runtime::AttachStream& stream, const CarryOptions& options, StopSource& stop);

}  // namespace drydock::core
