#include "core/inspect.hpp"

#include "cli/session_argument.hpp"

namespace drydock::cli {
namespace {

class InspectCommand : public Command {
 public:
  std::string name() const override { return "inspect"; }
  std::string summary() const override { return "show everything about a session, as JSON"; }
  std::string synopsis() const override { return "[SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock inspect 4f2a", "everything about one session"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nThe session, what the engine reports on its objects, who is attached, the plan and the "
           "effective "
           "filter.\nVariables that were passed with -e are in it.";
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const Sessions sessions(invocation);
    const core::Candidate& found = sessions.find(
        invocation.operands.empty() ? "" : invocation.operands.front(), "inspect", core::a_session());
    const Json json = core::inspect_session(*found.engine, found.session);
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_inspect_command() { return std::make_unique<InspectCommand>(); }

}  // namespace drydock::cli
