#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"

namespace drydock::cli {
namespace {

class EgressLogCommand : public Command {
 public:
  std::string name() const override { return "egress log"; }
  std::string summary() const override { return "show what the guard of a session has decided"; }
  std::string synopsis() const override { return "[-f] [SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress log -f 4f2a", "each decision as it is made"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nThe same as drydock logs --egress. With --json the lines are as the guard wrote them.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("follow,f", po::bool_switch(), "go on until the session ends");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const Sessions sessions(invocation);
    const core::Candidate& found = sessions.find(
        invocation.operands.empty() ? "" : invocation.operands.front(), "read the log of", core::a_session());
    print_decisions(invocation, found);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_log_command() { return std::make_unique<EgressLogCommand>(); }

}  // namespace drydock::cli
