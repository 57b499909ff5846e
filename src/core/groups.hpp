// The groups of hosts that an allowlist can name: `@github` and the like.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct Group {
  std::string name;                // without the '@'
  std::vector<std::string> hosts;  // exact names, as an allowlist has them
};

const std::vector<Group>& groups();

// nullptr when there is no such group.
const Group* find_group(std::string_view name);

}  // namespace drydock::core
