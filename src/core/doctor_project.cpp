#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/directories.hpp"
#include "base/text.hpp"
#include "core/agent_overlay.hpp"
#include "core/agent_tokens.hpp"
#include "core/data_files.hpp"
#include "core/doctor_checks.hpp"
#include "core/group_file.hpp"
#include "core/groups.hpp"
#include "core/links.hpp"
#include "core/run.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

bool exists(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) == 0; }

// "wrong" where there is no telling.
std::string state_of(const std::string& path) {
  if (exists(path)) return "read";
  return errno == ENOENT || errno == ENOTDIR ? "absent" : "wrong";
}

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

ConfigurationFile& file_of(DoctorReport& report, const std::string& path, const std::string& what) {
  const auto found = std::find_if(report.files.begin(), report.files.end(),
                                  [&](const ConfigurationFile& file) { return file.path == path; });
  if (found != report.files.end()) return *found;
  report.files.push_back({path, what, state_of(path)});
  return report.files.back();
}

// The part of it that is no option's.
Finding examine_machine_settings(const std::string& path, ConfigurationFile& file) {
  try {
    const std::size_t ranges = read_machine_settings(path).public_ranges.size();
    return ok_finding("machine-settings", path + ": " + std::to_string(ranges) +
                                              (ranges == 1 ? " public range" : " public ranges"));
  } catch (const Error& error) {
    file.state = "wrong";
    return problem_of("machine-settings", error, "correct " + path);
  }
}

// The user's own profiles and groups. A wrong profile is in the way of every run.
Findings examine_data_files(DoctorReport& report) {
  Findings findings;
  const auto list = [&](const std::string& folder, const char* ending, const char* what) {
    for (const std::string& file : data_files(folder, ending)) report.files.push_back({file, what, "read"});
  };
  try {
    list(user_agents_directory(), ".json", "agent profile");
    agent_profiles();
  } catch (const Error& error) {
    findings.push_back(problem_of("agents", error, "correct the profile, or remove it"));
    for (ConfigurationFile& file : report.files) {
      if (std::string_view(error.what()).find(file.path) != std::string_view::npos) file.state = "wrong";
    }
  }
  try {
    list(user_groups_directory(), group_file_ending, "group of hosts");
    file_groups();
  } catch (const Error& error) {
    findings.push_back({"groups", FindingStatus::warning, error.what(),
                        error.hint().empty() ? "correct the file, or remove it" : error.hint(), false});
  }
  return findings;
}

// Files by the bare name of this project that are not read, for another has it too.
void judge_bare_names(const Project& project, Findings& findings) {
  if (!is_bare_name_taken(project)) return;
  const std::string config = config_directory();
  for (const char* kind : {"/egress-allowlist-", "/dood/"}) {
    const std::string path = config + kind + project.name;
    if (!exists(path)) continue;
    findings.push_back({"bare-name", FindingStatus::warning,
                        path + " is not read: more than one project is called '" + project.name + "'",
                        "mv " + path + " " + config + kind + project.key, false});
  }
}

// A profile that is wrong has been told.
std::vector<AgentProfile> readable_agents() {
  try {
    return agent_profiles();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Findings examine_mode(const Project& project, DoctorReport& report) {
  const ModeInputs inputs = mode_inputs(std::nullopt, &project);
  report.mode = resolve_mode(inputs);
  Findings findings{ok_finding(
      "mode", "sessions here are " + std::string(to_string(report.mode->mode)) + ": " + report.mode->reason)};
  if (report.mode->mode == Mode::dood) {
    findings.front() = {"mode", FindingStatus::note,
                        "sessions here are dood (" + report.mode->reason +
                            "): they have the engine's socket and the host's network, and no jail applies",
                        "", false};
  }
  judge_bare_names(project, findings);
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

Findings examine_configuration(const Project* project, const DoctorOptions& options, DoctorReport& report) {
  Findings findings;
  const auto add = [&](const std::string& path, const std::string& what) {
    report.files.push_back({path, what, state_of(path)});
  };
  for (const Error& error : options.wrong_configuration)
    findings.push_back(problem_of("settings", error, "correct the file, or remove it"));
  report.files = options.settings;
  ConfigurationFile& machine = file_of(report, options.machine_config, "machine settings");
  // Else it has been told.
  if (machine.state != "wrong") findings.push_back(examine_machine_settings(options.machine_config, machine));
  for (const AllowlistSource& source : report.sources) {
    if (starts_with(source.name, "/")) file_of(report, source.name, "allowlist").state = source.state;
  }
  const std::string config = config_directory();
  if (project != nullptr) {
    for (const char* mode : {"dood", "contain"}) {
      for (const std::string& name : {project->key, project->name}) {
        const std::string path = config + "/" + mode + "/" + name;
        add(path, "mode pin");
      }
    }
  }
  add(config + "/default-dood", "default mode");
  if (project != nullptr) add(links_file(*project), "links");
  for (Finding& finding : examine_data_files(report)) findings.push_back(std::move(finding));
  std::vector<std::string> read;
  bool all_seen = true;
  for (const ConfigurationFile& file : report.files) {
    if (file.state == "read") read.push_back(file.path);
    all_seen = all_seen && file.state != "wrong";
  }
  if (!read.empty() || all_seen) {
    findings.push_back(ok_finding(
        "files", read.empty() ? "no configuration file is there" : "read: " + join(read, ", "), false));
  }
  try {
    findings.push_back(ok_finding("runtime-folder", "runtime files are in " + runtime_directory()));
  } catch (const Error& error) {
    findings.push_back(problem_of("runtime-folder", error, "set XDG_RUNTIME_DIR to a folder of yours alone"));
  }
  return findings;
}

Findings examine_tokens(const RunOptions& run) {
  Findings findings;
  std::vector<std::string> kept;
  for (const AgentProfile& agent : readable_agents()) {
    const std::vector<std::string> names = kept_tokens(agent.name);
    if (names.empty()) continue;
    kept.push_back(agent.name + " (" + join(names, ", ") + ")");
    try {
      read_tokens(agent);
    } catch (const Error& error) {
      findings.push_back(problem_of("tokens", error, "drydock revoke-token " + agent.name));
      // Sessions of other agents, and of an image of the user's, start without it.
      if (agent.name != agent_of(run) || !is_for_its_agent(run))
        findings.back().status = FindingStatus::warning;
    }
  }
  findings.push_back(ok_finding(
      "tokens", kept.empty() ? "no token is kept for an agent" : "tokens are kept for " + join(kept, ", ")));
  return findings;
}

Findings examine_overlays(const std::string& chosen) {
  Findings findings;
  std::vector<std::string> used;
  for (const AgentProfile& agent : readable_agents()) {
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
      if (agent.name != chosen) findings.back().status = FindingStatus::warning;
    }
  }
  if (!used.empty())
    findings.push_back(ok_finding("overlay", "new sessions begin with files of " + join(used, ", ")));
  return findings;
}

}  // namespace drydock::core
