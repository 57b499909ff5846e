// The Debian packages that the user's files want in the images of agents: names, never commands. A project's
// images are named after them, so that two lists do not take each other's place.
#pragma once

#include <string>
#include <vector>

namespace drydock::core {

// Why it is no name of a Debian package (Debian Policy 5.6.1), or empty.
std::string wrong_package_name(const std::string& name);

// Sorted, each once.
std::vector<std::string> as_package_list(std::vector<std::string> names);

// What follows the tag of an image that is made for the list: "-" and part of a digest; empty for none.
std::string package_list_suffix(const std::vector<std::string>& list);

}  // namespace drydock::core
