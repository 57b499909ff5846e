#include "core/effective_allowlist.hpp"

#include "base/directories.hpp"
#include "core/live_filter.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view private_option = "--allow-private";

void add_all(Allowlist& list, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) list.add(entry);
}

}  // namespace

std::string global_allowlist_path() { return config_directory() + "/egress-allowlist"; }

std::string project_allowlist_path(const Project& project) {
  return global_allowlist_path() + "-" + project.key;
}

std::vector<std::string> allowlist_paths(const Project& project) {
  std::vector<std::string> paths{machine_allowlist_path, global_allowlist_path()};
  if (!is_bare_name_taken(project)) paths.push_back(global_allowlist_path() + "-" + project.name);
  paths.push_back(project_allowlist_path(project));
  return paths;
}

std::vector<Entry> parse_given(const Given& given, const char* option) {
  const std::string name = option;
  if (given.origin.empty()) {
    return parse_allowlist_argument(
        given.value, name, "cannot use option '" + name + "': ",
        name == private_option ? EntryPlace::private_argument : EntryPlace::argument);
  }
  std::vector<Entry> entries = parse_allowlist_entry(given.value, given.origin);
  for (Entry& entry : entries) entry.source = parse_source(given.origin);
  return entries;
}

Allowlist effective_allowlist(const Project& project, const AgentProfile& agent,
                              const AllowlistRequest& request) {
  Allowlist list;
  for (const BaselineHost& host : agent.baseline)
    add_all(list, parse_allowlist_entry(host.host, "baseline (" + agent.name + ")"));
  for (const std::string& path : allowlist_paths(project)) add_all(list, read_allowlist_file(path, false));
  for (const Given& file : request.files) add_all(list, read_allowlist_file(file.value, true));
  for (const Given& host : request.hosts) add_all(list, parse_given(host, "--allow"));
  for (const Given& host : request.private_hosts) add_all(list, parse_given(host, "--allow-private"));
  return list;
}

}  // namespace drydock::core
