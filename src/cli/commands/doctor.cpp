#include "core/doctor.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "cli/run_options.hpp"

namespace drydock::cli {
namespace {

using core::DoctorReport;
using core::EngineReport;
using runtime::Finding;
using runtime::FindingStatus;

// What holds where no file says anything: those that people ask for.
constexpr std::array<std::pair<const char*, const char*>, 4> defaults{{{"agent", core::default_agent},
                                                                       {"pull", "never"},
                                                                       {"tmpfs-size", "1g"},
                                                                       {"detach-keys", "ctrl-],ctrl-]"}}};

std::string describe(const EngineReport& engine) {
  if (!engine.info) return engine.runtime;
  return engine.runtime + " " + engine.info->version + (engine.info->rootless ? ", rootless" : ", rootful");
}

// "status       what", and the way out below it.
std::string to_line(const Finding& finding) {
  std::string status(runtime::to_string(finding.status));
  status.resize(std::max<std::size_t>(status.size(), 11), ' ');
  std::string text = "  " + status + "  " + printable(finding.what) + "\n";
  if (!finding.fix.empty()) text += "               fix: " + printable(finding.fix) + "\n";
  return text;
}

std::string to_lines(const runtime::Findings& findings, bool all) {
  std::string text;
  for (const Finding& finding : findings) {
    if (all || !finding.detail) text += to_line(finding);
  }
  return text;
}

std::string to_lines(const std::vector<core::Entry>& filter) {
  std::string text;
  for (const core::Entry& entry : filter)
    text += "               " + entry.pattern.to_string() + "  (" +
            printable(entry.source.to_string(), 4096) + ")\n";
  return text;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::string engine_text(const EngineReport& engine, const std::string& mode, bool all) {
  Finding summary{"engine", FindingStatus::problem, describe(engine) + ": a " + mode + " session would fail",
                  "", false};
  if (!engine.present) return to_lines(engine.findings, all);
  if (engine.works()) {
    summary.status = FindingStatus::ok;
    summary.what =
        describe(engine) + ", " + engine.info->socket + ": nothing is in the way of a " + mode + " session";
  }
  if (engine.chosen) summary.what += " (used here)";
  return to_line(summary) + to_lines(engine.findings, all);
}

// The line that most people want.
std::string verdict(const DoctorReport& report, const std::string& mode) {
  const EngineReport* engine = report.chosen();
  if (report.works()) {
    return "drydock run would work here: " + mode + " (" + report.mode->reason + ") on " + describe(*engine) +
           " (" + report.reason + ")\n";
  }
  if (engine == nullptr) {
    return "drydock run would fail here: " + printable(report.reason, 4000) + "\n" +
           (report.fix.empty() ? "" : "  fix: " + printable(report.fix) + "\n");
  }
  std::string text = "drydock run would fail here, on " + describe(*engine) + " (" + report.reason + ")\n";
  const auto other = std::find_if(report.engines.begin(), report.engines.end(),
                                  [](const EngineReport& entry) { return !entry.chosen && entry.works(); });
  if (!engine->works() && other != report.engines.end()) {
    text +=
        "  " + describe(*other) + " has no such problem: drydock --runtime " + other->runtime + " doctor\n";
  }
  return text;
}

std::string to_text(const DoctorReport& report, bool all) {
  const std::string mode(to_string(report.mode ? report.mode->mode : core::Mode::contained));
  std::string text = verdict(report, mode) + "\nENGINES\n";
  for (const EngineReport& engine : report.engines) text += engine_text(engine, mode, all);
  for (const core::DoctorSection& section : report.sections) {
    const std::string lines = to_lines(section.findings, all);
    if (!lines.empty()) text += "\n" + upper(section.name) + "\n" + lines;
    if (all && section.name == "egress" && report.filter) text += to_lines(*report.filter);
    if (all && section.name == "configuration") {
      for (const core::ConfigurationFile& file : report.files)
        text += "               " + file.state + ": " + printable(file.path) + " (" + file.what + ")\n";
    }
  }
  return text;
}

// Each value that holds, and where it is from; of a variable its name alone, for it may be a token.
std::vector<Setting> settings_of(const Invocation& invocation) {
  std::vector<Setting> settings{{"runtime", invocation.global.runtime, invocation.global.runtime_origin}};
  const Configuration& configuration = *invocation.configuration;
  const po::options_description options = configurable_options();
  for (const auto& option : options.options()) {
    const std::string& key = option->long_name();
    const std::vector<Setting> found = configuration.all(key);
    if (key == "runtime" || found.empty()) continue;
    // Of a list all hold, else the nearest.
    settings.insert(settings.end(), option->semantic()->is_composing() ? found.begin() : found.end() - 1,
                    found.end());
  }
  for (Setting& setting : settings) {
    if (setting.key == "env" && setting.value.find('=') != std::string::npos)
      setting.value = setting.value.substr(0, setting.value.find('=') + 1) + "...";
  }
  for (const auto& [key, value] : defaults) {
    if (configuration.all(key).empty()) settings.push_back({key, value, "the default"});
  }
  return settings;
}

// What a run here would have of the configuration files. What is wrong there goes to `options`.
void read_run(const Invocation& invocation, core::DoctorOptions& options) {
  const Configuration& configuration = *invocation.configuration;
  options.settings = configuration.files();
  options.wrong_configuration = configuration.problems();
  po::options_description declared;
  declare_run_options(declared);
  po::variables_map values;
  po::store(po::command_line_parser(std::vector<std::string>{}).options(declared).run(), values);
  configuration.merge_into(values, declared);
  try {
    name_origins(configuration, [&] {
      options.run = read_run_options({invocation.global, values, invocation.operands, invocation.command,
                                      invocation.console, invocation.stop, &configuration});
    });
  } catch (const Error& error) {
    options.wrong_configuration.push_back(error);
  }
}

std::string gaps_text(const DoctorReport& report) {
  std::string text = "\nGAPS\n";
  for (const auto& [gap, here] : report.gaps) {
    const char* status = gap->closed() ? "closed     "
                         : !here       ? "open       "
                         : *here       ? "open here  "
                                       : "not here   ";
    text += std::string("  ") + status + "  (" + gap->letter + ") " + std::string(gap->what) + "\n";
    if (!gap->closed()) {
      text += "               remains in " + std::string(to_string(gap->open)) + ": " +
              std::string(gap->brief) + "\n";
    }
  }
  return text;
}

std::string settings_text(const std::vector<Setting>& settings) {
  std::string text = "\nSETTINGS\n";
  for (const Setting& setting : settings) {
    text += "  " + setting.key + " = " + printable(setting.value, 300) + "  (" +
            printable(setting.origin, 4096) + ")\n";
  }
  return text;
}

class DoctorCommand : public Command {
 public:
  std::string name() const override { return "doctor"; }
  std::string summary() const override { return "say whether a run would work here, and what to mend"; }
  std::string synopsis() const override { return ""; }
  std::vector<Example> examples() const override {
    return {{"drydock doctor", "would a run work here, and if not, what is to be done"},
            {"drydock -C ~/src/app --runtime docker doctor -v",
             "the same of another folder, on Docker, with every check"}};
  }
  std::string description() const override {
    return "Looks at each engine and what it needs of this machine, at the images, the allowlist, the live\n"
           "sessions, and the mode of this folder, and changes nothing. Each problem and each warning has a "
           "line\n"
           "of how to mend it; -v shows what is in order as well. What could not be looked at is \"not "
           "checked\".\n"
           "Exit status 0 if a run would work, 1 if it would fail. Whether the jail is closed is seen by\n"
           "drydock smoke.";
  }
  bool tells_wrong_configuration() const override { return true; }
  int run(const Invocation& invocation) const override {
    core::DoctorOptions options;
    options.runtime = invocation.global.runtime;
    options.url = invocation.global.engine;
    read_run(invocation, options);
    const DoctorReport report = core::examine(make_providers(), options, invocation.stop);
    if (invocation.global.json) {
      Json json = core::to_json(report);
      json["settings"] = Json::array();
      for (const Setting& setting : settings_of(invocation))
        json["settings"].push_back(
            {{"key", setting.key}, {"value", setting.value}, {"origin", setting.origin}});
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    } else {
      const bool all = invocation.global.verbose > 0;
      invocation.console.print(to_text(report, all) +
                               (all ? settings_text(settings_of(invocation)) + gaps_text(report) : ""));
    }
    return report.works() ? 0 : 1;
  }
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() { return std::make_unique<DoctorCommand>(); }

}  // namespace drydock::cli
