#include "core/groups.hpp"

#include <algorithm>
#include <map>

#include "base/directories.hpp"
#include "base/download.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/data_files.hpp"
#include "core/host_pattern.hpp"
#include "core/npm_config.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view apt_group = "apt";
constexpr std::string_view npm_group = "npm";

using Hosts = tl::expected<std::vector<GroupHost>, std::string>;

tl::unexpected<std::string> refused(std::string reason) {
  return tl::unexpected<std::string>(std::move(reason));
}

// Of two reasons for one host the first.
void add(std::vector<GroupHost>& hosts, const std::string& host, const std::string& reason) {
  const bool there =
      std::any_of(hosts.begin(), hosts.end(), [&](const GroupHost& other) { return other.host == host; });
  if (!there) hosts.push_back({host, reason});
}

std::string in_words(const std::string& address) { return printable(without_credentials(address), 200); }

Hosts npm_hosts() {
  try {
    const NpmRegistries registries = npm_registries();
    if (registries.usual.empty())
      return refused("npm's registry is not known: neither npm nor its files name one");
    const auto host = host_of_registry(registries.usual);
    if (!host) return refused("npm's registry is '" + in_words(registries.usual) + "', and " + host.error());
    std::vector<GroupHost> hosts{{*host, "npm's registry"}};
    for (const auto& [scope, registry] : registries.of_scopes) {
      const auto other = host_of_registry(registry);
      if (other) {
        add(hosts, *other, "npm's registry of " + one_line(scope, 80));
      } else {
        log::warn("@npm is without the registry of '{}', '{}': {}", printable(scope, 80), in_words(registry),
                  other.error());
      }
    }
    return hosts;
  } catch (const Error& error) {
    return refused(std::string("npm's registry is not known: ") + error.what());
  }
}

// "apt's source of bookworm, signed with acme.gpg"
std::string reason_for(const AptSource& source, const Distribution& distribution) {
  const std::string signer = signer_of(source);
  return "apt's source of " + distribution.codename +
         (signer.empty() ? "" : ", signed with " + one_line(signer, 200));
}

// Of this machine itself: no session reaches it by a host's name.
bool is_local(const std::string& uri) {
  return starts_with(uri, "file:") || starts_with(uri, "copy:") || starts_with(uri, "cdrom:");
}

// apt's further ways to the same server.
tl::expected<std::string, std::string> host_of_source(const std::string& uri) {
  if (starts_with(uri, "tor+")) return refused("apt reaches it through Tor");
  if (starts_with(uri, "mirror"))
    return refused("it is a list of mirrors, which has to be read to know them; allow those that it names");
  return host_of_registry(uri);
}

Hosts apt_hosts() {
  return hosts_of_apt(with_mirrors(read_apt_sources(), Mirrors::all), named_distribution());
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
                     const Hosts& hosts) {
  Group group{std::string(name), summary, origin, true};
  if (hosts) group.hosts = *hosts;
  if (!hosts) group.problem = hosts.error();
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
  groups.push_back(
      computed_group(apt_group, "what this machine's apt is set up with", "apt's sources", apt_hosts()));
  groups.push_back(
      computed_group(npm_group, "what your npm is set up with", "npm's configuration", npm_hosts()));
  sort_by_name(groups);
  return groups;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names{std::string(apt_group), std::string(npm_group)};
  for (const Group& group : file_groups()) names.push_back(group.name);
  std::sort(names.begin(), names.end());
  return names;
}

tl::expected<std::vector<std::string>, std::string> group_hosts(std::string_view name) {
  const std::vector<Group> groups = file_groups();
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.name == name; });
  Hosts hosts = refused("there is no such group");
  if (name == npm_group) {
    hosts = npm_hosts();
  } else if (name == apt_group) {
    hosts = apt_hosts();
  } else if (found != groups.end()) {
    hosts = found->hosts;
  }
  if (!hosts) return refused(hosts.error());
  std::vector<std::string> names;
  for (const GroupHost& host : *hosts) names.push_back(host.host);
  return names;
}

Hosts hosts_of_apt(const std::vector<AptSource>& sources, const Distribution& distribution) {
  if (!is_known(distribution))
    return refused("this machine has no apt of a known distribution, which are Debian and Ubuntu");
  std::vector<GroupHost> hosts;
  std::map<std::string, std::string> left_out;
  for (const AptSource& source : release_sources(sources, distribution)) {
    for (const std::string& uri : source.uris) {
      if (is_local(uri)) continue;
      if (const auto host = host_of_source(uri)) {
        add(hosts, *host, reason_for(source, distribution));
      } else {
        left_out[in_words(uri)] = host.error();
      }
    }
  }
  if (hosts.empty() && left_out.empty())
    return refused("this machine's apt has no source of " + distribution.codename + " that is on a host");
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
