#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"
#include "core/session_log.hpp"
#include "runtime/stream/lines.hpp"

namespace drydock::cli {
namespace {

std::string as_json(std::string_view stream, std::string_view line) {
  const Json object = {{"stream", stream}, {"line", line}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_agent_log(const core::Candidate& found, bool follow, const Invocation& invocation) {
  Console& console = invocation.console;
  if (!invocation.global.json) {
    core::read_agent_log(*found.engine, found.session, follow,
                         [&](runtime::Channel channel, std::string_view bytes) {
                           console.pass_on(channel == runtime::Channel::err, bytes);
                           return true;
                         });
    return;
  }
  runtime::stream::Lines out;
  runtime::stream::Lines err;
  const auto print_out = [&](std::string_view line) { console.print(as_json("stdout", line)); };
  const auto print_err = [&](std::string_view line) { console.print(as_json("stderr", line)); };
  core::read_agent_log(*found.engine, found.session, follow,
                       [&](runtime::Channel channel, std::string_view bytes) {
                         if (channel == runtime::Channel::err) {
                           err.feed(bytes, print_err);
                         } else {
                           out.feed(bytes, print_out);
                         }
                         return true;
                       });
  out.finish(print_out);
  err.finish(print_err);
}

class LogsCommand : public Command {
 public:
  std::string name() const override { return "logs"; }
  std::string summary() const override { return "show a session's output, or its proxy's decisions"; }
  std::string synopsis() const override { return "[-f] [--egress] [SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock logs -f 4f2a", "what the agent writes, as it writes it"},
            {"drydock logs --egress 4f2a", "which hosts were asked for, and what came of it"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nWith --json the output comes as one object a line, and decisions as the sidecar wrote them.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("follow,f", po::bool_switch(), "go on until the session ends");
    add("egress", po::bool_switch(), "the sidecar's decisions, one line each");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const bool follow = invocation.flag("follow");
    const Sessions sessions(invocation);
    const core::Candidate& found = sessions.find(
        invocation.operands.empty() ? "" : invocation.operands.front(), "read the log of", core::a_session());
    if (!invocation.flag("egress")) {
      print_agent_log(found, follow, invocation);
      return 0;
    }
    core::read_egress_log(*found.engine, found.session, follow, [&](std::string_view line) {
      print_decision(invocation, line);
      return true;
    });
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_logs_command() { return std::make_unique<LogsCommand>(); }

}  // namespace drydock::cli
