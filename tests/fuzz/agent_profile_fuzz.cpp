// A profile of an agent is read or refused, and one that was read has nothing that leaves its place.
#include "base/error.hpp"
#include "core/agent_profile_reader.hpp"
#include "fuzz.hpp"

using drydock::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = drydock::fuzz::text(data, size);
  if (text.find('@') != std::string_view::npos && text.find("\"host\"") != std::string_view::npos) return 0;
  drydock::core::AgentProfile agent;
  try {
    agent =
        drydock::core::AgentProfileReader(text, "agent.json", [](const std::string&) { return "x"; }).read();
  } catch (const drydock::Error& error) {
    require(std::string_view(error.what()).find("'agent.json'") != std::string_view::npos);
    return 0;
  }
  const auto stays = [](const std::string& path) {
    return !path.empty() && path.front() != '/' && ("/" + path + "/").find("/../") == std::string::npos;
  };
  require(!agent.command.empty() && !agent.name.empty());
  for (const auto& state : agent.state) require(stays(state.path));
  for (const auto& package : agent.npm) {
    for (const auto& path : package.paths) require(stays(path));
    for (const auto& [name, path] : package.commands)
      require(stays(path) && name.find('/') == std::string::npos);
  }
  for (const auto& file : agent.files) require(stays(file.path.substr(1)));
  for (const auto& [name, value] : agent.environment) require(name != "HTTPS_PROXY" && name != "HOME");
  return 0;
}
