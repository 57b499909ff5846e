#include "base/directories.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "core/agent_sync.hpp"

namespace drydock::cli {
namespace {

class SyncCommand : public Command {
 public:
  std::string name() const override { return "sync"; }
  std::string summary() const override { return "bring your settings of an agent into its sessions"; }
  std::string synopsis() const override { return "[--agent NAME] [--dry-run]"; }
  std::vector<Example> examples() const override {
    return {{"drydock sync", "sessions of the default agent begin with your settings of it"},
            {"drydock sync --agent codex --dry-run", "what would be taken"}};
  }
  std::string description() const override {
    return "Copies what the agent's profile lists of your home folder, such as its settings and commands, to "
           "where "
           "each\nsession begins with a copy of it. Files that hold a login, conversations and caches are "
           "not "
           "taken; a key\nthat is written in settings is taken with them. It replaces what an earlier sync "
           "brought, all of it or nothing.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("agent", po::value<std::string>()->value_name("NAME"),
        "the agent, by default claude or the configuration's");
    add("dry-run", po::bool_switch(), "print what would be taken, change nothing");
  }

  int run(const Invocation& invocation) const override {
    std::string name = invocation.text("agent");
    if (name.empty() && invocation.configuration != nullptr) name = invocation.configuration->value("agent");
    const core::AgentProfile agent = core::find_agent(name.empty() ? core::default_agent : name);
    const bool dry_run = invocation.flag("dry-run");
    const core::SyncReport report = core::sync_agent(agent, home_directory(), dry_run);
    for (const core::MissingProgram& one : report.missing) {
      invocation.console.warn("~/" + printable(one.file, 300) + " runs '" + printable(one.path, 300) +
                              "', which sessions of " + agent.name + " do not have");
    }
    if (invocation.global.json) {
      Json files = Json::array();
      for (const core::SyncedFile& file : report.files)
        files.push_back({{"path", file.path}, {"size", file.size}});
      Json missing = Json::array();
      for (const core::MissingProgram& one : report.missing)
        missing.push_back({{"file", one.file}, {"path", one.path}});
      const Json json = {{"schema", 1},
                         {"agent", agent.name},
                         {"dry_run", dry_run},
                         {"files", files},
                         {"absent", report.absent},
                         {"missing", missing},
                         {"prototype", report.prototype}};
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
      return 0;
    }
    for (const core::SyncedFile& file : report.files)
      invocation.console.print("~/" + printable(file.path, 4096) + "\n");
    for (const std::string& path : report.absent)
      invocation.console.say("there is no ~/" + printable(path, 300));
    const std::size_t count = report.files.size();
    if (count == 0) {
      invocation.console.say(dry_run ? "nothing would be taken"
                                     : "nothing is taken: sessions of " + agent.name +
                                           " begin without settings of yours from now on");
      return 0;
    }
    const std::string taken = std::to_string(count) + (count == 1 ? " file" : " files");
    invocation.console.say(dry_run ? taken + " would be taken"
                                   : taken + " taken: sessions of " + agent.name +
                                         " begin with a copy from now on");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_sync_command() { return std::make_unique<SyncCommand>(); }

}  // namespace drydock::cli
