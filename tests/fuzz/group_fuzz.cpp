// A group of hosts is read or refused with the file's name, and each host of one that was read is an entry of
// an allowlist as it stands, with a reason, and there once.
#include "core/group_file.hpp"

#include <set>

#include "base/error.hpp"
#include "core/allowlist.hpp"
#include "fuzz.hpp"

using drydock::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = drydock::fuzz::text(data, size);
  drydock::core::Group group;
  try {
    group = drydock::core::parse_group(text, "/groups/mine.hosts");
  } catch (const drydock::Error& error) {
    require(std::string_view(error.what()).find("mine.hosts") != std::string_view::npos);
    require(!error.hint().empty());
    return 0;
  }
  require(group.name == "mine" && !group.hosts.empty());
  std::set<std::string> seen;
  for (const drydock::core::GroupHost& host : group.hosts) {
    const auto entries = drydock::core::parse_allowlist_entry(host.host, "test");
    require(entries.size() == 1 && entries.front().pattern.to_string() == host.host);
    require(!host.reason.empty() && seen.insert(host.host).second);
  }
  return 0;
}
