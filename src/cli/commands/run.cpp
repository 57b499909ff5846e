#include "cli/run_options.hpp"

namespace drydock::cli {
namespace {

class RunCommand : public Command {
 public:
  std::string name() const override { return "run"; }
  std::string summary() const override { return "run the agent, or CMD, jailed in a project folder"; }
  std::string synopsis() const override { return "[OPTIONS] [DIR] [-- CMD...]"; }
  std::vector<Example> examples() const override {
    return {{"drydock run", "the default agent in this folder"},
            {"drydock run --allow @npm -- npm ci", "one command, with one more host"},
            {"drydock run --runtime podman -d --memory 2g -- make test",
             "in the background, on Podman, with a limit"}};
  }
  std::string description() const override {
    return "DIR is the project, by default the current folder; the container sees it and nothing else of "
           "yours.\n"
           "It reaches the allowed hosts by HTTPS through the session's proxy, and nothing else. Everything "
           "behind\n"
           "-- goes to the container untouched. When the command ends, nothing of the session is left.";
  }
  void declare(po::options_description& options) const override { declare_run_options(options); }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  bool takes_command() const override { return true; }
  bool has_run_options() const override { return true; }
  int failure_status() const override { return 125; }
  int run(const Invocation& invocation) const override {
    return run_session(invocation, read_run_options(invocation));
  }
};

}  // namespace

std::unique_ptr<Command> make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace drydock::cli
