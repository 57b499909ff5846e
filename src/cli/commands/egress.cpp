#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"

namespace drydock::cli {
namespace {

class EgressCommand : public Command {
 public:
  std::string name() const override { return "egress"; }
  std::string summary() const override { return "see, test and change which hosts may be reached"; }
  std::string synopsis() const override { return "COMMAND [OPTIONS] [ARGS]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress list", "what a session in this folder would reach"},
            {"drydock egress test example.org", "would it reach this host?"},
            {"drydock egress allow example.org", "from now on it would"}};
  }
  std::string description() const override {
    return "Allowlists are told about in drydock-allowlist(5). Help for each: drydock egress COMMAND --help";
  }
  const std::vector<std::unique_ptr<Command>>& subcommands() const override {
    static const std::vector<std::unique_ptr<Command>> table = make_subcommands();
    return table;
  }

  int run(const Invocation&) const override {
    std::vector<std::string> words;
    for (const auto& member : subcommands()) words.push_back(member->name().substr(name().size() + 1));
    throw Error(ErrorKind::usage, "cannot run command 'egress': it is a group, and none of it is named",
                "use one of: " + join(words, ", "));
  }

 private:
  static std::vector<std::unique_ptr<Command>> make_subcommands() {
    std::vector<std::unique_ptr<Command>> table;
    table.push_back(make_egress_list_command());
    table.push_back(make_egress_test_command());
    table.push_back(make_egress_allow_command());
    table.push_back(make_egress_revoke_command());
    table.push_back(make_egress_denied_command());
    table.push_back(make_egress_watch_command());
    table.push_back(make_egress_capture_command());
    table.push_back(make_egress_log_command());
    return table;
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_command() { return std::make_unique<EgressCommand>(); }

}  // namespace drydock::cli
