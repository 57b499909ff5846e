#include "base/json.hpp"
#include "base/utf8.hpp"
#include "cli/decision_source.hpp"
#include "cli/table.hpp"
#include "core/denials.hpp"
#include "core/host_verdict.hpp"
#include "core/log_check.hpp"

namespace drydock::cli {
namespace {

class EgressDeniedCommand : public Command {
 public:
  std::string name() const override { return "egress denied"; }
  std::string summary() const override { return "list what a session was refused, and what would allow it"; }
  std::string synopsis() const override { return "[SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress denied 4f2a", "hosts, how often, why, and the command that allows each"}};
  }
  std::string description() const override {
    return std::string(session_help) + ended_help +
           "\nThe most frequent first. What no allowlist can allow, an address say, has no command. Of a "
           "live "
           "session it\nallows a host at once.";
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const DecisionSource source(invocation, invocation.operands.empty() ? "" : invocation.operands.front(),
                                "tell what was refused to");
    core::Denials denials;
    core::LogChecker checker(source.kind());
    source.read(false, [&](std::string_view line, bool whole) {
      denials.add(line);
      if (source.kind() == core::LogKind::kept) checker.add(line, whole);
      return true;
    });
    if (source.kind() == core::LogKind::kept)
      warn_unless_whole(invocation, source.session(), checker.finish());
    const std::string live = source.is_live() ? source.session() : std::string{};
    if (invocation.global.json) {
      print_json(invocation, denials, source.session(), live, source.project());
    } else {
      print(invocation, denials, live, source.project());
    }
    return 0;
  }

 private:
  static void warn_unless_whole(const Invocation& invocation, const std::string& session,
                                const core::LogCheck& check) {
    using State = core::LogCheck::State;
    if (check.state == State::whole || check.state == State::bounded) return;
    invocation.console.warn("the log is not what the guard wrote (" + std::string(to_string(check.state)) +
                            "): see drydock egress log --verify " + session);
  }

  static void print(const Invocation& invocation, const core::Denials& denials, const std::string& live,
                    const std::string& project) {
    if (denials.gone() > 0) invocation.console.warn(core::beginning_is_gone(denials.gone()));
    if (denials.total() == 0) {
      invocation.console.say("nothing was refused");
      return;
    }
    std::vector<std::vector<std::string>> rows{{"COUNT", "HOST", "REASON", "ALLOW WITH"}};
    for (const core::Denial& denial : denials.list()) {
      const std::string allow = core::allow_line(denial.host, denial.reason, live, project);
      rows.push_back({std::to_string(denial.count), denial.host.empty() ? "-" : one_line(denial.host, 253),
                      one_line(denial.reason, 200), allow.empty() ? "-" : allow});
    }
    invocation.console.print(table(rows));
    if (denials.beyond() > 0)
      invocation.console.say(std::to_string(denials.beyond()) + " more, of more hosts than are told apart");
  }

  static void print_json(const Invocation& invocation, const core::Denials& denials,
                         const std::string& session, const std::string& live, const std::string& project) {
    Json array = Json::array();
    for (const core::Denial& denial : denials.list()) {
      const std::string allow = core::allow_line(denial.host, denial.reason, live, project);
      array.push_back({{"host", denial.host},
                       {"port", denial.port > 0 ? Json(denial.port) : Json(nullptr)},
                       {"reason", denial.reason},
                       {"count", denial.count},
                       {"first", denial.first},
                       {"last", denial.last},
                       {"allow", allow.empty() ? Json(nullptr) : Json(allow)}});
    }
    const Json json = {{"schema", 1},
                       {"session", session},
                       {"total", denials.total()},
                       {"beyond", denials.beyond()},
                       {"denied", array}};
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_denied_command() { return std::make_unique<EgressDeniedCommand>(); }

}  // namespace drydock::cli
