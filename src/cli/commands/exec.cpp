#include "core/exec.hpp"

#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/run_options.hpp"
#include "cli/session_argument.hpp"

namespace drydock::cli {
namespace {

class ExecCommand : public Command {
 public:
  std::string name() const override { return "exec"; }
  std::string summary() const override { return "one more command in a live session"; }
  std::string synopsis() const override { return "[-i] [-t] [-e K[=V]] [-w DIR] [SESSION] -- CMD..."; }
  std::vector<Example> examples() const override {
    return {{"drydock exec 4f2a -- git status", "one command, beside the agent"},
            {"drydock exec -it 4f2a -- sh", "a shell"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nCMD runs as the agent does: the same user, folder, limits, network and proxy.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("interactive,i", po::bool_switch(), "pass standard input on");
    add("tty,t", po::bool_switch(), "a terminal for CMD");
    add("env,e", po::value<std::vector<std::string>>()->composing()->value_name("K[=V]"),
        "set a variable, or pass on one of yours; repeatable");
    add("env-file", po::value<std::vector<std::string>>()->composing()->value_name("FILE"),
        "set the variables in FILE, lines of K[=V]; repeatable");
    add("workdir,w", po::value<std::string>()->value_name("DIR"),
        "working folder in the container, by default the agent's");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }
  bool takes_command() const override { return true; }
  int failure_status() const override { return 125; }

  int run(const Invocation& invocation) const override {
    core::ExecOptions options;
    if (!invocation.command || invocation.command->empty()) {
      throw Error(ErrorKind::usage, "cannot run a command: none is given",
                  "put it behind --, as in: drydock exec SESSION -- CMD");
    }
    options.command = *invocation.command;
    options.interactive = invocation.flag("interactive");
    options.tty = invocation.flag("tty");
    if (options.tty && (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)) {
      throw Error(ErrorKind::usage, "cannot use option '--tty': standard input and output are not a terminal",
                  "leave -t out");
    }
    options.environment = read_environment(invocation);
    if (options.tty && options.environment.count("TERM") == 0) {
      const char* term = std::getenv("TERM");
      options.environment["TERM"] = term != nullptr && *term != '\0' ? term : "xterm";
    }
    options.workdir = invocation.text("workdir");
    if (!options.workdir.empty() && options.workdir.front() != '/') {
      throw Error(
          ErrorKind::usage,
          "cannot use working folder '" + printable(options.workdir, 200) + "': it is not an absolute path",
          "pass --workdir /absolute/path");
    }
    const Sessions sessions(invocation);
    const core::Candidate& found =
        sessions.find(invocation.operands.empty() ? "" : invocation.operands.front(), "run a command in",
                      core::a_live_session());
    return core::exec_in_session(*found.engine, found.session, options, invocation.stop);
  }
};

}  // namespace

std::unique_ptr<Command> make_exec_command() { return std::make_unique<ExecCommand>(); }

}  // namespace drydock::cli
