#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "core/pins.hpp"

namespace drydock::cli {
namespace {

class DefaultCommand : public Command {
 public:
  std::string name() const override { return "default"; }
  std::string summary() const override {
    return "show or set the mode of sessions that nothing else decides";
  }
  std::string synopsis() const override { return "[contained|dood]"; }
  std::vector<Example> examples() const override {
    return {{"drydock default", "which it is"}, {"drydock default contained", "the factory's own again"}};
  }
  std::string description() const override {
    return "An option, a variable or a project's pin decides before the default does. In a dood session "
           "there "
           "is no jail:\nwhoever controls the agent controls the engine.";
  }
  std::string operand() const override { return "contained dood"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    if (!invocation.operands.empty()) set(invocation);
    const bool dood = core::mode_inputs(std::nullopt, nullptr).default_dood;
    const std::string mode(core::to_string(dood ? core::Mode::dood : core::Mode::contained));
    invocation.console.print(invocation.global.json ? Json{{"default", mode}}.dump() + "\n" : mode + "\n");
    return 0;
  }

 private:
  static void set(const Invocation& invocation) {
    const std::string& word = invocation.operands.front();
    if (word != "contained" && word != "dood") {
      throw Error(ErrorKind::usage, "cannot use mode '" + printable(word, 80) + "': it is no mode",
                  "use contained or dood");
    }
    core::set_default_mode(word == "dood" ? core::Mode::dood : core::Mode::contained);
    if (word == "dood")
      invocation.console.warn(
          "dood sessions have no jail: the agent controls the engine, and with it this account or the "
          "machine");
  }
};

}  // namespace

std::unique_ptr<Command> make_default_command() { return std::make_unique<DefaultCommand>(); }

}  // namespace drydock::cli
