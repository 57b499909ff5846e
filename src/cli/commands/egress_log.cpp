#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/timestamp.hpp"
#include "base/utf8.hpp"
#include "cli/decision_source.hpp"
#include "cli/egress_options.hpp"
#include "cli/table.hpp"

namespace drydock::cli {
namespace {

std::string lines_of(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " line" : " lines");
}

class EgressLogCommand : public Command {
 public:
  std::string name() const override { return "egress log"; }
  std::string summary() const override { return "show what the guard of a session has decided"; }
  std::string synopsis() const override { return "[-f | --verify] [SESSION] | --list"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress log -f 4f2a", "each decision as it is made"},
            {"drydock egress log --verify 4f2a", "is it as its guard wrote it?"},
            {"drydock egress log --list", "the logs of ended sessions"}};
  }
  std::string description() const override {
    return std::string(session_help) + ended_help +
           "\nFor a session that is there it shows the same as drydock logs --egress. With --json the lines "
           "are as the guard\nwrote them.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("follow,f", po::bool_switch(), "go on until the session ends");
    add("verify", po::bool_switch(),
        "check the chain of its lines; exit status 1 when it does not hold, 3 when it holds and the "
        "beginning is gone");
    add("list", po::bool_switch(), "the logs of ended sessions, newest first");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    refuse_both(invocation, "verify", "follow");
    refuse_both(invocation, "list", "follow");
    refuse_both(invocation, "list", "verify");
    const std::string wanted = invocation.operands.empty() ? "" : invocation.operands.front();
    if (invocation.flag("list")) {
      if (!wanted.empty())
        throw Error(ErrorKind::usage, "cannot use option '--list': a session is named as well",
                    "leave one of them out");
      list(invocation);
      return 0;
    }
    const DecisionSource source(invocation, wanted, "read the log of");
    if (invocation.flag("verify")) return verify(invocation, source);
    bool first = true;
    source.read(invocation.flag("follow"), [&](std::string_view line, bool) {
      if (const auto number = first ? core::number_of_line(line) : std::nullopt) {
        first = false;
        if (*number > 0) invocation.console.warn(core::beginning_is_gone(*number));
      }
      print_decision(invocation, line);
      return true;
    });
    return 0;
  }

 private:
  static int verify(const Invocation& invocation, const DecisionSource& source) {
    core::LogChecker checker(source.kind());
    source.read(false, [&](std::string_view line, bool whole) {
      // What the engine has of the guard's program is no line of the log.
      const bool of_log = source.kind() == core::LogKind::kept || (!line.empty() && line.front() == '{');
      if (of_log) checker.add(line, whole);
      return true;
    });
    const core::LogCheck check = checker.finish();
    const int status = status_of(check.state);
    if (invocation.global.json) {
      print_json(invocation, source, check);
      return status;
    }
    std::string text = "session " + source.session() + ": ";
    if (status != 1) {
      text += lines_of(check.lines) + ", the chain holds" +
              (source.kind() == core::LogKind::live ? " so far" : "") +
              (check.chain.empty() ? "" : ", up to " + check.chain) +
              (check.gone > 0 ? "; bounded: " + check.reason : "");
    } else if (check.line > 0) {
      text += "line " + std::to_string(check.line) + " of " + std::to_string(check.lines) + " is wrong (" +
              std::string(to_string(check.state)) + "): " + check.reason;
      if (check.wrong > 1) text += "; " + std::to_string(check.wrong) + " are in all";
    } else {
      text += "truncated after " + lines_of(check.lines) + ", whose chain holds: " + check.reason;
    }
    invocation.console.print(text + "\n");
    for (const std::string& note : check.notes) invocation.console.print("  " + note + "\n");
    return status;
  }

  static int status_of(core::LogCheck::State state) {
    if (state == core::LogCheck::State::whole) return 0;
    return state == core::LogCheck::State::bounded ? 3 : 1;
  }

  static void print_json(const Invocation& invocation, const DecisionSource& source,
                         const core::LogCheck& check) {
    const Json json = {{"schema", 1},
                       {"session", source.session()},
                       {"live", source.kind() == core::LogKind::live},
                       {"state", to_string(check.state)},
                       {"lines", check.lines},
                       {"gone", check.gone},
                       {"line", check.line > 0 ? Json(check.line) : Json(nullptr)},
                       {"wrong", check.wrong},
                       {"reason", check.reason.empty() ? Json(nullptr) : Json(check.reason)},
                       {"chain", check.chain.empty() ? Json(nullptr) : Json(check.chain)},
                       {"notes", check.notes}};
    invocation.console.print(json.dump(2) + "\n");
  }

  static void list(const Invocation& invocation) {
    std::vector<std::vector<std::string>> rows{{"SESSION", "ENDED", "LINES", "ALLOWED", "DENIED", "PROJECT"}};
    Json array = Json::array();
    for (const core::KeptLog& log : core::kept_logs()) {
      const core::KeptSummary summary = core::summary_of(log);
      array.push_back({{"session", log.session},
                       {"path", log.path},
                       {"size", log.size},
                       {"ended", log.ended},
                       {"project", summary.project.empty() ? Json(nullptr) : Json(summary.project)},
                       {"lines", summary.lines},
                       {"allowed", summary.counts.allowed},
                       {"denied", summary.counts.denied}});
      rows.push_back({one_line(log.session, 80), to_rfc3339(log.ended), std::to_string(summary.lines),
                      std::to_string(summary.counts.allowed), std::to_string(summary.counts.denied),
                      summary.project.empty() ? "-" : one_line(summary.project, 4096)});
    }
    if (invocation.global.json) {
      const Json json = {{"schema", 1}, {"logs", array}};
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    } else {
      invocation.console.print(table(rows));
    }
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_log_command() { return std::make_unique<EgressLogCommand>(); }

}  // namespace drydock::cli
