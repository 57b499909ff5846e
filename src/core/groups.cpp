#include "core/groups.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/apt_sources.hpp"
#include "core/host_pattern.hpp"
#include "core/npm_registry.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view apt_group = "apt";
constexpr std::string_view npm_group = "npm";

using Hosts = tl::expected<std::vector<std::string>, std::string>;

tl::unexpected<std::string> refused(std::string reason) {
  return tl::unexpected<std::string>(std::move(reason));
}

Hosts npm_hosts() {
  try {
    const std::string url = npm_registry();
    const auto host = host_of_registry(url);
    if (!host) return refused("npm's registry is '" + printable(url, 200) + "', and " + host.error());
    return std::vector<std::string>{*host};
  } catch (const Error& error) {
    return refused(std::string("npm's registry is not known: ") + error.what());
  }
}

Hosts apt_hosts() {
  std::vector<std::string> hosts;
  std::string reason = "this machine's apt has no source of the distribution's own";
  try {
    for (const AptSource& source : distribution_sources(read_apt_sources(), this_distribution())) {
      for (const std::string& uri : source.uris) {
        const auto host = host_of_registry(uri);
        if (host && std::find(hosts.begin(), hosts.end(), *host) == hosts.end()) hosts.push_back(*host);
        if (!host)
          reason = "the source '" + printable(uri, 200) +
                   "' of this machine's apt cannot be used: " + host.error();
      }
    }
  } catch (const Error& error) {
    reason = error.what();
  }
  if (hosts.empty()) return refused(reason);
  return hosts;
}

}  // namespace

// Exact names only, and none under which anyone can publish at a host name of their own.
const std::vector<Group>& shipped_groups() {
  static const std::vector<Group> table{
      {"crates", {"crates.io", "index.crates.io", "static.crates.io"}},
      {"github",
       {"github.com", "api.github.com", "codeload.github.com", "uploads.github.com",
        "raw.githubusercontent.com", "objects.githubusercontent.com", "release-assets.githubusercontent.com",
        "media.githubusercontent.com"}},
      {"golang", {"proxy.golang.org", "sum.golang.org"}},
      {"pypi", {"pypi.org", "files.pythonhosted.org"}},
  };
  return table;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names{std::string(apt_group), std::string(npm_group)};
  for (const Group& group : shipped_groups()) names.push_back(group.name);
  std::sort(names.begin(), names.end());
  return names;
}

Hosts group_hosts(std::string_view name) {
  if (name == npm_group) return npm_hosts();
  if (name == apt_group) return apt_hosts();
  for (const Group& group : shipped_groups()) {
    if (group.name == name) return group.hosts;
  }
  return refused("there is no such group");
}

tl::expected<std::string, std::string> host_of_registry(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!starts_with(url, scheme)) return refused("only https passes");
  std::string_view host = url.substr(scheme.size());
  host = host.substr(0, host.find_first_of("/?#"));
  if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  const auto pattern = parse_host_pattern(host);
  if (!pattern) return refused("'" + printable(host, 100) + "' cannot be allowed: " + pattern.error());
  if (pattern->kind != HostPattern::Kind::exact) return refused("it names no single host");
  return pattern->host;
}

}  // namespace drydock::core
