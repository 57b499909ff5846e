// The allowlist of a project: the agent's baseline and the user's files, in the order in which they count,
// and after them what is given by options and configuration files.
#pragma once

#include <string>
#include <vector>

#include "core/agents.hpp"
#include "core/allowlist.hpp"
#include "core/project.hpp"

namespace drydock::core {

// The machine's: every user's.
inline constexpr const char* machine_allowlist_path = "/etc/drydock/egress-allowlist";
// ~/.config/drydock/egress-allowlist: every project's.
std::string global_allowlist_path();
// The file of one project that drydock writes to; one that is keyed by the bare name is read as well where no
// other project has that name, see is_bare_name_taken().
std::string project_allowlist_path(const Project& project);
// All that are read for a project, in their order.
std::vector<std::string> allowlist_paths(const Project& project);

// A value, and what gave it.
struct Given {
  std::string value;
  std::string origin = {};  // "FILE:LINE" of the configuration; empty: the option itself
};

struct AllowlistRequest {
  std::vector<Given> files = {};  // of hosts; they must be there
  std::vector<Given> hosts = {};
  std::vector<Given> private_hosts = {};  // allowed also when they have private addresses
};

// The entries of one value; `option` is the source where nothing else is. Throws Error(usage) "cannot use
// option '<option>': …" then, and else as parse_allowlist_entry().
std::vector<Entry> parse_given(const Given& given, const char* option);

// Throws Error as read_allowlist_file() and parse_given().
Allowlist effective_allowlist(const Project& project, const AgentProfile& agent,
                              const AllowlistRequest& request);

}  // namespace drydock::core
