// What drydock reads as data: profiles of agents, groups of hosts. Its own lie beside the program, or in
// share/drydock when it is installed; the user's in the configuration folder.
#pragma once

#include <string>
#include <vector>

namespace drydock::core {

// `folder` next to the program, or in ../share/drydock from there. `what` they are, for the error: throws
// Error(not_found) when there is neither.
std::string shipped_data_directory(const std::string& folder, const std::string& what);

// The files in it whose names end so, in the order of their names; none where it does not exist. Throws
// Error(invalid).
std::vector<std::string> data_files(const std::string& directory, const std::string& ending);

// All of a regular file of up to 1 MiB. Throws Error(invalid).
std::string read_data_file(const std::string& path);

}  // namespace drydock::core
