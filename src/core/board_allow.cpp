#include "core/board_allow.hpp"

#include "base/error.hpp"
#include "core/allowlist_file.hpp"

namespace drydock::core {

std::string allow_by_key(const BoardKey& key, const AllowWays& ways) {
  using What = BoardKey::What;
  const std::vector<std::string> hosts{key.host};
  try {
    ways.in_session(parse_hosts(hosts, "allow"));
  } catch (const Error& error) {
    return std::string("nothing was allowed: ") + error.what();
  }
  if (key.what == What::allow_session) return key.host + " is allowed for this session";
  try {
    ways.in_file(key.what, hosts);
  } catch (const Error& error) {
    return key.host + " is allowed for this session alone: " + error.what();
  }
  return key.host + " is allowed for this session and " +
         (key.what == What::allow_project ? "this project" : "every project");
}

}  // namespace drydock::core
