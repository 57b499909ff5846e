#include "core/agents.hpp"

#include <algorithm>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "core/agent_profile_reader.hpp"
#include "core/data_files.hpp"

namespace drydock::core {
namespace {

// In the order of their names; a folder that is not there has none.
std::vector<AgentProfile> read_profiles(const std::string& directory, bool shipped) {
  std::vector<AgentProfile> profiles;
  for (const std::string& file : data_files(directory, ".json")) {
    profiles.push_back(parse_agent_profile(read_data_file(file), file, directory));
    profiles.back().shipped = shipped;
  }
  return profiles;
}

}  // namespace

std::string shipped_agents_directory() { return shipped_data_directory("agents", "agent profiles"); }

std::string user_agents_directory() { return config_directory() + "/agents"; }

AgentProfile parse_agent_profile(std::string_view text, const std::string& origin,
                                 const std::string& directory) {
  const auto read_source = [&](const std::string& source) {
    return read_data_file(directory + "/" + source);
  };
  return AgentProfileReader(text, origin, read_source).read();
}

std::vector<AgentProfile> agent_profiles() {
  std::vector<AgentProfile> profiles = read_profiles(shipped_agents_directory(), true);
  for (AgentProfile& profile : read_profiles(user_agents_directory(), false)) {
    const auto same = std::find_if(profiles.begin(), profiles.end(),
                                   [&](const AgentProfile& other) { return other.name == profile.name; });
    if (same != profiles.end()) {
      throw Error(ErrorKind::conflict,
                  "cannot read agent profile '" + printable(profile.origin, 300) + "': the name '" +
                      profile.name + "' is taken by '" + printable(same->origin, 300) + "'",
                  "give it another name");
    }
    profiles.push_back(std::move(profile));
  }
  std::sort(profiles.begin(), profiles.end(),
            [](const AgentProfile& a, const AgentProfile& b) { return a.name < b.name; });
  return profiles;
}

AgentProfile find_agent(const std::string& name) {
  std::vector<std::string> names;
  for (AgentProfile& profile : agent_profiles()) {
    if (profile.name == name) return std::move(profile);
    names.push_back(profile.name);
  }
  const std::string near = nearest(name, names);
  throw Error(ErrorKind::usage, "cannot use agent '" + printable(name, 80) + "': there is no such profile",
              near.empty() ? "use one of: " + join(names, ", ") : "did you mean '" + near + "'?");
}

}  // namespace drydock::core
