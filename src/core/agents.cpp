#include "core/agents.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {

const std::vector<AgentProfile>& agent_profiles() {
  static const std::vector<AgentProfile> profiles{
      {"claude", {"claude"}, {"api.anthropic.com"}},
      {"generic", {"/bin/sh"}, {}},
  };
  return profiles;
}

const AgentProfile& find_agent(const std::string& name) {
  std::vector<std::string> names;
  for (const AgentProfile& profile : agent_profiles()) {
    if (profile.name == name) return profile;
    names.push_back(profile.name);
  }
  const std::string near = nearest(name, names);
  throw Error(ErrorKind::usage, "cannot use agent '" + printable(name, 80) + "': there is no such profile",
              near.empty() ? "use one of: " + join(names, ", ") : "did you mean '" + near + "'?");
}

}  // namespace drydock::core
