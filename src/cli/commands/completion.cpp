#include "cli/completion/completion.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"

namespace drydock::cli {
namespace {

class CompletionCommand : public Command {
 public:
  std::string name() const override { return "completion"; }
  std::string summary() const override { return "print a completion script for a shell"; }
  std::string synopsis() const override { return "bash|zsh|fish"; }
  std::vector<Example> examples() const override {
    return {{"drydock completion bash", "to be sourced by bash, or kept in its folder of completions"}};
  }
  std::string description() const override {
    return "A distribution's package installs these scripts by itself. zsh's belongs into a folder of "
           "$fpath, "
           "as a file\nnamed _drydock.";
  }
  std::string operand() const override { return "bash zsh fish"; }
  std::size_t max_operands() const override { return 1; }

  bool is_configured() const override { return false; }
  int run(const Invocation& invocation) const override {
    const std::string shell = invocation.operands.empty() ? "" : invocation.operands.front();
    if (shell == "bash") {
      invocation.console.print(bash_completion());
    } else if (shell == "zsh") {
      invocation.console.print(zsh_completion());
    } else if (shell == "fish") {
      invocation.console.print(fish_completion());
    } else {
      throw Error(ErrorKind::usage,
                  shell.empty() ? "cannot complete for a shell: none is named"
                                : "cannot complete for shell '" + printable(shell, 80) + "': it is not known",
                  "name bash, zsh or fish");
    }
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_completion_command() { return std::make_unique<CompletionCommand>(); }

}  // namespace drydock::cli
