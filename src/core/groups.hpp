// The groups of hosts that an allowlist can name: `@github` and the like. They are files; docs/allowlist.md
// has their form. `@npm` and `@apt` are what the user's own npm and this machine's own apt are set up with.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/apt_sources.hpp"
#include "core/group_file.hpp"

namespace drydock::core {

// The shipped ones: groups/ next to the program, or ../share/drydock/groups from there.
std::string shipped_groups_directory();
// The user's: groups/ in the configuration folder.
std::string user_groups_directory();

// Those that are files, sorted by name. Throws Error(invalid) for one that is wrong, and Error(conflict) when
// the user's has the name of another: a shipped group is not replaced.
std::vector<Group> file_groups();

// All, sorted by name, the computed ones too. Throws the same.
std::vector<Group> all_groups();

// All names, sorted. Throws the same.
std::vector<std::string> group_names();

// The hosts of a group, as an allowlist has them, or the reason why there are none: a lower-case clause.
// `@npm` asks npm, outside the project, for nothing in it may configure drydock (INV-10); `@apt` reads apt's
// sources. Throws as file_groups().
tl::expected<std::vector<std::string>, std::string> group_hosts(std::string_view name);

// Those of `@apt` on a machine with these sources: of those that serve this release, whatever key signs them.
// One that cannot be used beside one that can is a warning in the log; one that is no host's is none.
tl::expected<std::vector<GroupHost>, std::string> hosts_of_apt(const std::vector<AptSource>& sources,
                                                               const Distribution& distribution);

// The host of an https URL on port 443, or the reason why it is none that can be allowed.
tl::expected<std::string, std::string> host_of_registry(std::string_view url);

}  // namespace drydock::core
