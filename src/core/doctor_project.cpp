#include <unistd.h>

#include "base/directories.hpp"
#include "base/text.hpp"
#include "core/agent_overlay.hpp"
#include "core/agent_tokens.hpp"
#include "core/doctor_checks.hpp"
#include "core/run.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::vector<std::string> pins(const Project& project, const std::string& mode) {
  const std::string folder = config_directory() + "/" + mode + "/";
  std::vector<std::string> found;
  for (const std::string& name : {project.key, project.name}) {
    if (exists(folder + name)) found.push_back(folder + name);
  }
  return found;
}

// Only the literal 1 counts: anything else looks set, and is not.
void judge_variable(const char* name, const std::optional<std::string>& value, Findings& findings) {
  if (!value || value->empty() || *value == "1") return;
  findings.push_back(
      {"variable", FindingStatus::note,
       std::string(name) + " is '" + printable(*value, 40) + "', which says nothing: only 1 counts",
       std::string("set it to 1, or unset ") + name, false});
}

}  // namespace

Findings examine_mode(const Project& project, DoctorReport& report) {
  const ModeInputs inputs = mode_inputs(std::nullopt, project.key, project.name);
  report.mode = resolve_mode(inputs);
  Findings findings{ok_finding(
      "mode", "sessions here are " + std::string(to_string(report.mode->mode)) + ": " + report.mode->reason)};
  if (report.mode->mode == Mode::dood) {
    findings.front() = {"mode", FindingStatus::note,
                        "sessions here are dood (" + report.mode->reason +
                            "): they have the engine's socket and the host's network, and no jail applies",
                        "", false};
  }
  judge_variable("DRYDOCK_DOOD", inputs.dood_env, findings);
  judge_variable("DRYDOCK_CONTAIN", inputs.contain_env, findings);
  if (inputs.dood_env == "1" && inputs.contain_env == "1") {
    findings.push_back({"variables", FindingStatus::warning,
                        "DRYDOCK_DOOD=1 and DRYDOCK_CONTAIN=1 contradict each other: sessions are contained",
                        "unset one of them", false});
  }
  if (inputs.dood_pin && inputs.contain_pin) {
    auto files = pins(project, "dood");
    const auto contain = pins(project, "contain");
    const std::string fix = "rm " + files.front() + " (to stay contained), or rm " + contain.front();
    files.insert(files.end(), contain.begin(), contain.end());
    findings.push_back({"pins", FindingStatus::warning,
                        "the project is pinned to both modes, so that it is contained: " + join(files, ", "),
                        fix, false});
  }
  return findings;
}

Findings examine_configuration(const Project* project, const std::string& machine_config,
                               DoctorReport& report) {
  Findings findings;
  const auto add = [&](const std::string& path, const std::string& what, bool read) {
    report.files.push_back({path, what, read ? "read" : "absent"});
  };
  add(machine_config, "machine settings", exists(machine_config));
  try {
    const std::size_t ranges = read_machine_settings(machine_config).public_ranges.size();
    findings.push_back(ok_finding(
        "machine-settings",
        machine_config + ": " + std::to_string(ranges) + (ranges == 1 ? " public range" : " public ranges")));
  } catch (const Error& error) {
    report.files.back().state = "wrong";
    findings.push_back(problem_of("machine-settings", error, "correct " + machine_config));
  }
  for (const AllowlistSource& source : report.sources) {
    if (starts_with(source.name, "/")) report.files.push_back({source.name, "allowlist", source.state});
  }
  const std::string config = config_directory();
  if (project != nullptr) {
    for (const char* mode : {"dood", "contain"}) {
      for (const std::string& name : {project->key, project->name}) {
        const std::string path = config + "/" + mode + "/" + name;
        add(path, "mode pin", exists(path));
      }
    }
  }
  add(config + "/default-dood", "default mode", exists(config + "/default-dood"));
  std::vector<std::string> read;
  for (const ConfigurationFile& file : report.files) {
    if (file.state == "read") read.push_back(file.path);
  }
  findings.push_back(ok_finding(
      "files", read.empty() ? "no configuration file is there" : "read: " + join(read, ", "), false));
  try {
    findings.push_back(ok_finding("runtime-folder", "runtime files are in " + runtime_directory()));
  } catch (const Error& error) {
    findings.push_back(problem_of("runtime-folder", error, "set XDG_RUNTIME_DIR to a folder of yours alone"));
  }
  return findings;
}

Findings examine_tokens() {
  Findings findings;
  std::vector<AgentProfile> agents;
  try {
    agents = agent_profiles();
  } catch (const Error&) {
    // It is told where a session needs them.
    return findings;
  }
  std::vector<std::string> kept;
  for (const AgentProfile& agent : agents) {
    const std::vector<std::string> names = kept_tokens(agent.name);
    if (names.empty()) continue;
    kept.push_back(agent.name + " (" + join(names, ", ") + ")");
    try {
      read_tokens(agent);
    } catch (const Error& error) {
      findings.push_back(problem_of("tokens", error, "drydock revoke-token " + agent.name));
      // Sessions of other agents start without it.
      if (agent.name != default_agent) findings.back().status = FindingStatus::warning;
    }
  }
  findings.push_back(ok_finding(
      "tokens", kept.empty() ? "no token is kept for an agent" : "tokens are kept for " + join(kept, ", ")));
  return findings;
}

Findings examine_overlays() {
  Findings findings;
  std::vector<AgentProfile> agents;
  try {
    agents = agent_profiles();
  } catch (const Error&) {
    return findings;
  }
  std::vector<std::string> used;
  for (const AgentProfile& agent : agents) {
    const std::string folder = overlay_directory(agent.name);
    if (!exists(folder)) continue;
    try {
      const auto files = overlay_files(session_state(agent, {}, {}));
      const std::size_t count = files ? files->size() : 0;
      if (agent.state.empty()) {
        findings.push_back({"overlay", FindingStatus::warning,
                            folder + " is not used: the profile of " + agent.name + " has no state",
                            "take it away", false});
      } else {
        used.push_back(folder + " (" + std::to_string(count) + (count == 1 ? " file)" : " files)"));
      }
    } catch (const Error& error) {
      findings.push_back(problem_of("overlay", error, "correct " + folder));
      if (agent.name != default_agent) findings.back().status = FindingStatus::warning;
    }
  }
  if (!used.empty())
    findings.push_back(ok_finding("overlay", "new sessions begin with files of " + join(used, ", ")));
  return findings;
}

}  // namespace drydock::core
