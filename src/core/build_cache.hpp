// Where the parts of images are kept and made: the cache directory, see base/directories.hpp.
#pragma once

#include <string>

namespace drydock::core {

// The folder, made (0700) where it is not there. What a build left in it that was killed is removed a day
// later. Throws Error as make_directories().
std::string build_cache();
// The folder in it for packages of the npm registry.
std::string npm_cache();

}  // namespace drydock::core
