// The allowlist of a project as the configuration has it: the agent's baseline and the user's files, in the
// order in which they count. What a run adds by its options comes after it.
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
// The file of one project that drydock writes to; one that is keyed by the bare name is read as well.
std::string project_allowlist_path(const Project& project);
// All that are read for a project, in their order.
std::vector<std::string> allowlist_paths(const Project& project);

// Throws Error as read_allowlist_file().
Allowlist configured_allowlist(const Project& project, const AgentProfile& agent);

}  // namespace drydock::core
