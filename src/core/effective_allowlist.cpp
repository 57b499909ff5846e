#include "core/effective_allowlist.hpp"

#include "base/directories.hpp"

namespace drydock::core {

std::string global_allowlist_path() { return config_directory() + "/egress-allowlist"; }

std::string project_allowlist_path(const Project& project) {
  return global_allowlist_path() + "-" + project.key;
}

std::vector<std::string> allowlist_paths(const Project& project) {
  return {machine_allowlist_path, global_allowlist_path(), global_allowlist_path() + "-" + project.name,
          project_allowlist_path(project)};
}

Allowlist configured_allowlist(const Project& project, const AgentProfile& agent) {
  Allowlist list;
  for (const BaselineHost& host : agent.baseline) {
    for (const Entry& entry : parse_allowlist_entry(host.host, "baseline (" + agent.name + ")"))
      list.add(entry);
  }
  for (const std::string& path : allowlist_paths(project)) {
    for (const Entry& entry : read_allowlist_file(path, false)) list.add(entry);
  }
  return list;
}

}  // namespace drydock::core
