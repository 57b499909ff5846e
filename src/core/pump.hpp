// Carries bytes between the user's standard streams and an attached container until one side ends it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "base/stop_source.hpp"
#include "core/detach_keys.hpp"
#include "runtime/attach_stream.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

enum class PumpEnd {
  stream_ended,  // the container closed its output: it has ended, or the engine has
  detached,      // the user typed the detach keys
  stopped,       // a signal asked to stop (StopSource)
  timed_out,     // the deadline has come
};

struct PumpOptions {
  bool tty = false;
  bool with_stdin = true;
  DetachKeys detach_keys;
  std::function<void(runtime::TerminalSize)> on_resize;  // called with the TTY's new size, and once
                                                         // more when it has kept still for a while
  std::optional<std::chrono::steady_clock::time_point> deadline;
  // Called once, when this descriptor becomes readable while the container still runs.
  int watched = -1;
  std::function<void()> on_watched;
};

// Byte-exact in both directions; a slow reader slows the container down, nothing is dropped and memory stays
// bounded. EOF on stdin becomes EOF for the container (without a TTY). A closed stdout (EPIPE) counts as
// `stopped` with SIGPIPE, a terminal that is gone (EIO) as `stopped` with SIGHUP.
PumpEnd pump(runtime::AttachStream& stream, PumpOptions& options, StopSource& stop);

}  // namespace drydock::core
