// Files that the user names, read whole.
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

namespace drydock {

class StopSource;

struct InputFault {
  int cause = 0;       // an errno: ENOENT or ENOTDIR where nothing is, ELOOP for a link to nothing
  std::string reason;  // "Permission denied", "it is not a regular file"
};

inline constexpr std::size_t max_input_size = std::size_t{1} << 20;

// The text of a regular file, of a pipe that a shell made (<(command), and its end is waited for), or of
// /dev/null; a byte order mark is left out. A FIFO with a name, whose writer may never come, is refused, and
// so is a device. Throws Interrupted when `stop`, which may be null, says so.
tl::expected<std::string, InputFault> read_input_file(const std::string& path, const StopSource* stop);

}  // namespace drydock
