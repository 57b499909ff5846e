#include "cli/run_options.hpp"

namespace drydock::cli {
namespace {

class ShellCommand : public Command {
 public:
  std::string name() const override { return "shell"; }
  std::string summary() const override { return "a shell in the jail, in place of the agent"; }
  std::string synopsis() const override { return "[OPTIONS] [DIR] [-- CMD...]"; }
  std::vector<Example> examples() const override {
    return {{"drydock shell -- curl -sI https://example.org", "what the agent would reach"}};
  }
  std::string description() const override {
    return "The same container, mounts, user and network as run gives the agent, to look around in.";
  }
  void declare(po::options_description& options) const override { declare_run_options(options); }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  bool takes_command() const override { return true; }
  bool has_run_options() const override { return true; }
  int failure_status() const override { return 125; }
  int run(const Invocation& invocation) const override {
    core::RunOptions options = read_run_options(invocation);
    options.shell = options.command.empty();
    return run_session(invocation, options);
  }
};

}  // namespace

std::unique_ptr<Command> make_shell_command() { return std::make_unique<ShellCommand>(); }

}  // namespace drydock::cli
