#include "core/groups.hpp"

#include <algorithm>
#include <map>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/data_files.hpp"
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
    std::vector<std::string> hosts{*host};
    for (const auto& [scope, registry] : npm_scope_registries()) {
      const auto other = host_of_registry(registry);
      if (!other) {
        log::warn("@npm is without the registry of '{}', '{}': {}", printable(scope, 80),
                  printable(registry, 200), other.error());
      } else if (std::find(hosts.begin(), hosts.end(), *other) == hosts.end()) {
        hosts.push_back(*other);
      }
    }
    return hosts;
  } catch (const Error& error) {
    return refused(std::string("npm's registry is not known: ") + error.what());
  }
}

std::vector<Group> read_groups(const std::string& directory, bool shipped) {
  std::vector<Group> groups;
  for (const std::string& file : data_files(directory, group_file_ending)) {
    groups.push_back(parse_group(read_data_file(file), file));
    groups.back().shipped = shipped;
  }
  return groups;
}

void refuse_taken(const Group& group, const std::string& by) {
  throw Error(ErrorKind::conflict,
              "cannot read group '" + printable(group.origin, 300) + "': the name '" + group.name +
                  "' is taken by " + by,
              "give it another name");
}

Group computed_group(std::string_view name, const std::string& summary, const std::string& origin,
                     const std::string& reason, const Hosts& hosts) {
  Group group{std::string(name), summary, origin, true};
  if (!hosts) group.problem = hosts.error();
  for (const std::string& host : hosts.value_or(std::vector<std::string>{}))
    group.hosts.push_back({host, reason});
  return group;
}

void sort_by_name(std::vector<Group>& groups) {
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.name < b.name; });
}

}  // namespace

std::string shipped_groups_directory() { return shipped_data_directory("groups", "groups of hosts"); }

std::string user_groups_directory() { return config_directory() + "/groups"; }

std::vector<Group> file_groups() {
  std::vector<Group> groups = read_groups(shipped_groups_directory(), true);
  for (Group& group : read_groups(user_groups_directory(), false)) {
    if (group.name == apt_group || group.name == npm_group) refuse_taken(group, "drydock");
    for (const Group& other : groups) {
      if (other.name == group.name) refuse_taken(group, "'" + printable(other.origin, 300) + "'");
    }
    groups.push_back(std::move(group));
  }
  sort_by_name(groups);
  return groups;
}

std::vector<Group> all_groups() {
  std::vector<Group> groups = file_groups();
  groups.push_back(computed_group(apt_group, "what this machine's apt is set up with", "apt's sources",
                                  "a source of the distribution's own",
                                  hosts_of_apt(read_apt_sources(), named_distribution())));
  groups.push_back(computed_group(npm_group, "what your npm is set up with", "npm's configuration",
                                  "npm's registry", npm_hosts()));
  sort_by_name(groups);
  return groups;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names{std::string(apt_group), std::string(npm_group)};
  for (const Group& group : file_groups()) names.push_back(group.name);
  std::sort(names.begin(), names.end());
  return names;
}

Hosts group_hosts(std::string_view name) {
  const std::vector<Group> groups = file_groups();
  if (name == npm_group) return npm_hosts();
  if (name == apt_group) return hosts_of_apt(read_apt_sources(), named_distribution());
  for (const Group& group : groups) {
    if (group.name != name) continue;
    std::vector<std::string> hosts;
    for (const GroupHost& host : group.hosts) hosts.push_back(host.host);
    return hosts;
  }
  return refused("there is no such group");
}

Hosts hosts_of_apt(const std::vector<AptSource>& sources, const Distribution& distribution) {
  if (!is_known(distribution))
    return refused("this machine has no apt of a known distribution, which are Debian and Ubuntu");
  std::vector<std::string> hosts;
  std::map<std::string, std::string> left_out;
  for (const AptSource& source : distribution_sources(sources, distribution)) {
    for (const std::string& uri : source.uris) {
      const auto host = host_of_registry(uri);
      if (!host) left_out[printable(without_credentials(uri), 200)] = host.error();
      if (host && std::find(hosts.begin(), hosts.end(), *host) == hosts.end()) hosts.push_back(*host);
    }
  }
  if (hosts.empty() && left_out.empty())
    return refused("this machine's apt has no source of the distribution's own");
  if (hosts.empty()) {
    const auto& [uri, reason] = *left_out.begin();
    return refused("the source '" + uri + "' of this machine's apt cannot be used: " + reason);
  }
  for (const auto& [uri, reason] : left_out) log::warn("@apt is without the source '{}': {}", uri, reason);
  return hosts;
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
