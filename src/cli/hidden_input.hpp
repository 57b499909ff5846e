// Something that is typed, or piped in, and must not be seen.
#pragma once

#include <cstddef>
#include <string>

#include "base/stop_source.hpp"

namespace drydock::cli {

// On a terminal: writes `prompt` to standard error and takes one line without showing it; Backspace and
// ctrl-U edit it, ctrl-C interrupts, ctrl-D ends it. Otherwise: all of standard input. Never more than
// `limit` bytes and one, so that what is longer can be told. Throws Interrupted, and Error(internal).
std::string read_hidden(const std::string& prompt, std::size_t limit, StopSource& stop);

}  // namespace drydock::cli
