#include "core/attach.hpp"

#include <unistd.h>

#include "cli/session_argument.hpp"
#include "core/detach_keys.hpp"

namespace drydock::cli {
namespace {

class AttachCommand : public Command {
 public:
  std::string name() const override { return "attach"; }
  std::string summary() const override { return "go back into a live session"; }
  std::string synopsis() const override { return "[--watch] [SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock attach", "the only live session"},
            {"drydock attach --watch 4f2a", "look on; a beginning of the id will do"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nWhen the agent ends, so does this, with its exit status, and the session is removed as run "
           "does.\n"
           "SIGTERM, and without a terminal SIGINT, end the session; --watch only looks.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("detach-keys", po::value<std::string>()->value_name("KEYS"),
        "keys that leave the session running, by default ctrl-],ctrl-]");
    add("watch", po::bool_switch(), "only show its output: nothing is typed, and leaving ends nothing");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }
  int failure_status() const override { return 125; }

  int run(const Invocation& invocation) const override {
    core::AttachOptions options;
    options.detach_keys = invocation.has("detach-keys") ? invocation.text("detach-keys")
                                                        : std::string(core::default_detach_keys);
    core::DetachKeys::parse(options.detach_keys);
    options.terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    options.watch = invocation.flag("watch");
    const Sessions sessions(invocation);
    const core::Candidate& found = sessions.find(
        invocation.operands.empty() ? "" : invocation.operands.front(), "attach to", core::a_live_session());
    return core::attach_session(*found.engine, found.session, options, invocation.console, invocation.stop);
  }
};

}  // namespace

std::unique_ptr<Command> make_attach_command() { return std::make_unique<AttachCommand>(); }

}  // namespace drydock::cli
