#include "core/carry.hpp"

#include <poll.h>

#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "core/terminal.hpp"

namespace drydock::core {
namespace {

// Long enough that a program has seen the first of two changes before the second comes.
constexpr int repaint_pause = 40;  // milliseconds

void set_size(const CarryOptions& options, runtime::TerminalSize size) {
  if (!options.resize || size.rows == 0 || size.columns == 0) return;
  try {
    options.resize(size);
  } catch (const Error& error) {
    log::debug("{}", error.what());
  } catch (const Interrupted&) {
    // The pump sees the request itself, and decides what it means.
  }
}

}  // namespace

PumpEnd carry(runtime::AttachStream& stream, const CarryOptions& options, StopSource& stop) {
  PumpOptions pumped;
  pumped.tty = options.tty;
  pumped.with_stdin = options.with_stdin;
  pumped.deadline = options.deadline;
  pumped.watched = options.watched;
  pumped.on_watched = options.on_watched;
  std::optional<RawMode> raw;
  if (options.tty) {
    pumped.detach_keys = DetachKeys::parse(options.detach_keys);
    pumped.on_resize = [&](runtime::TerminalSize size) { set_size(options, size); };
    raw.emplace();
    const runtime::TerminalSize size = terminal_size();
    if (options.repaint) {
      set_size(options, {size.rows, size.columns > 1 ? size.columns - 1 : size.columns + 1});
      ::poll(nullptr, 0, repaint_pause);
    }
    set_size(options, size);
  }
  return pump(stream, pumped, stop);
}

}  // namespace drydock::core
