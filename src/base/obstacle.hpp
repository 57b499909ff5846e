// What keeps this user from a file or a folder: the reason in words that an error can end with, and the one
// action that mends it.
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

namespace drydock {

struct Obstacle {
  int cause = 0;       // an errno
  std::string reason;  // "Permission denied", "it is a directory"
  std::string hint;    // never empty
};

// What was to be done with a path.
enum class Access { read_file, list_folder, change_folder };

// `cause`: the errno that it failed with. Without permission the hint is about the first folder on the way
// that cannot be entered, where there is one.
Obstacle obstacle_to(Access access, const std::string& path, int cause);

// All of a regular file. Never waits for a FIFO or a device.
tl::expected<std::string, Obstacle> read_file(const std::string& path, std::size_t limit);

}  // namespace drydock
