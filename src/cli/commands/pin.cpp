// `contain` and `dood`: one command each for one project.
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "core/pins.hpp"

namespace drydock::cli {
namespace {

class PinCommand : public Command {
 public:
  explicit PinCommand(core::Mode mode) : mode_(mode) {}

  std::string name() const override { return is_dood() ? "dood" : "contain"; }
  std::string summary() const override {
    return is_dood() ? "pin a project to dood: no jail, and the engine's socket"
                     : "pin a project to contained";
  }
  std::string synopsis() const override { return "[--remove] [DIR]"; }
  std::vector<Example> examples() const override {
    if (is_dood())
      return {{"drydock dood ~/src/app", "sessions in this project drive the engine"},
              {"drydock dood --remove ~/src/app", "take that back"}};
    return {{"drydock contain", "sessions here are contained, whatever the default is"}};
  }
  std::string description() const override {
    const std::string common =
        "DIR is the project, by default the current folder. The pin is a file in your configuration folder, "
        "not in the\nproject, and a pin to the other mode goes. --mode and the variables DRYDOCK_DOOD and "
        "DRYDOCK_CONTAIN decide\nbefore a pin does.";
    return is_dood()
               ? common +
                     " In a dood session there is no jail: whoever controls the agent controls the engine."
               : common;
  }
  void declare(po::options_description& options) const override {
    options.add_options()("remove", po::bool_switch(), "take the pin back");
  }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const core::Project project =
        core::resolve_project(invocation.operands.empty() ? "." : invocation.operands.front());
    const bool remove = invocation.flag("remove");
    const core::PinChange change =
        remove ? core::unpin_project(project, mode_) : core::pin_project(project, mode_);
    const core::ModeDecision now = core::resolve_mode(core::mode_inputs(std::nullopt, &project));
    if (invocation.global.json) {
      invocation.console.print(Json{{"project", project.path},
                                    {"pinned", !remove},
                                    {"changed", change.changed || change.replaced.has_value()},
                                    {"mode", core::to_string(now.mode)},
                                    {"reason", now.reason}}
                                   .dump(2) +
                               "\n");
      return 0;
    }
    const std::string shown = "project '" + printable(project.path, 300) + "'";
    const std::string mode(core::to_string(mode_));
    if (remove) {
      invocation.console.say(shown + (change.changed ? " is no longer pinned to " : " was not pinned to ") +
                             mode);
    } else {
      invocation.console.say(shown + (change.changed ? " is pinned to " : " was pinned already to ") + mode);
      if (change.replaced)
        invocation.console.say("its pin to " + std::string(core::to_string(*change.replaced)) + " is gone");
    }
    invocation.console.say("a session there is " + std::string(core::to_string(now.mode)) +
                           " now: " + now.reason);
    if (!remove && is_dood())
      invocation.console.warn(
          "dood sessions have no jail: the agent controls the engine, and with it this account or the "
          "machine");
    return 0;
  }

 private:
  bool is_dood() const { return mode_ == core::Mode::dood; }

  core::Mode mode_;
};

}  // namespace

std::unique_ptr<Command> make_contain_command() {
  return std::make_unique<PinCommand>(core::Mode::contained);
}
std::unique_ptr<Command> make_dood_command() { return std::make_unique<PinCommand>(core::Mode::dood); }

}  // namespace drydock::cli
