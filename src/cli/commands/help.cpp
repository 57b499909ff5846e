#include "cli/help.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::cli {
namespace {

class HelpCommand : public Command {
 public:
  std::string name() const override { return "help"; }
  std::string summary() const override { return "show help, for a command if one is named"; }
  std::string synopsis() const override { return "[COMMAND [SUBCOMMAND]]"; }
  std::vector<Example> examples() const override {
    return {{"drydock help run", "all about one command"},
            {"drydock help egress allow", "and about one of a group"}};
  }
  std::string operand() const override {
    std::vector<std::string> names;
    for (const auto& command : commands()) names.push_back(command->name());
    return join(names, " ");
  }
  std::size_t max_operands() const override { return 2; }
  bool is_configured() const override { return false; }
  int run(const Invocation& invocation) const override {
    if (invocation.operands.empty()) {
      invocation.console.print(general_help());
      return 0;
    }
    const std::string wanted = join(invocation.operands, " ");
    const Command* command = find_command(wanted);
    if (command == nullptr) {
      std::vector<std::string> names;
      for (const auto& entry : commands()) {
        names.push_back(entry->name());
        for (const auto& member : entry->subcommands()) names.push_back(member->name());
      }
      const std::string near = nearest(wanted, names);
      throw Error(ErrorKind::usage,
                  "cannot show help for '" + printable(wanted, 80) + "': drydock has no such command",
                  near.empty() ? "see: drydock help" : "did you mean 'drydock help " + near + "'?");
    }
    invocation.console.print(command_help(*command));
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_help_command() { return std::make_unique<HelpCommand>(); }

}  // namespace drydock::cli
