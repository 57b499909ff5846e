// Agent profiles: what drydock must know of an agent to run it.
#pragma once

#include <string>
#include <vector>

namespace drydock::core {

struct AgentProfile {
  std::string name;
  std::vector<std::string> command;
  // What the agent's own vendor API needs; provisional until captured from real runs. Users add to it,
  // nothing takes away.
  std::vector<std::string> baseline;
};

inline constexpr const char* default_agent = "claude";

const std::vector<AgentProfile>& agent_profiles();
// Throws Error(usage) that names the nearest one.
const AgentProfile& find_agent(const std::string& name);

}  // namespace drydock::core
