#include "core/groups.hpp"

namespace drydock::core {

// Exact names only, and none under which anyone can publish at a host name of their own.
const std::vector<Group>& groups() {
  static const std::vector<Group> table{
      {"crates", {"crates.io", "index.crates.io", "static.crates.io"}},
      {"debian", {"deb.debian.org", "security.debian.org"}},
      {"github",
       {"github.com", "api.github.com", "codeload.github.com", "uploads.github.com",
        "raw.githubusercontent.com", "objects.githubusercontent.com", "release-assets.githubusercontent.com",
        "media.githubusercontent.com"}},
      {"golang", {"proxy.golang.org", "sum.golang.org"}},
      {"npm", {"registry.npmjs.org"}},
      {"pypi", {"pypi.org", "files.pythonhosted.org"}},
  };
  return table;
}

const Group* find_group(std::string_view name) {
  for (const Group& group : groups()) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

}  // namespace drydock::core
