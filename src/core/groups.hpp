// The groups of hosts that an allowlist can name: `@github` and the like. Some are shipped; `@npm` and `@apt`
// are what the user's own npm and this machine's own apt are set up with.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace drydock::core {

struct Group {
  std::string name;                // without the '@'
  std::vector<std::string> hosts;  // exact names, as an allowlist has them
};

// The shipped ones.
const std::vector<Group>& shipped_groups();

// All names, sorted.
std::vector<std::string> group_names();

// The hosts of a group, or the reason why there are none: a lower-case clause. `@npm` asks npm, outside the
// project, for nothing in it may configure drydock (INV-10); `@apt` reads the distribution's own sources.
tl::expected<std::vector<std::string>, std::string> group_hosts(std::string_view name);

// The host of an https URL on port 443, or the reason why it is none that can be allowed.
tl::expected<std::string, std::string> host_of_registry(std::string_view url);

}  // namespace drydock::core
