#include <algorithm>

#include "base/json.hpp"
#include "base/utf8.hpp"
#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"
#include "cli/table.hpp"
#include "core/host_verdict.hpp"
#include "core/live_egress.hpp"

namespace drydock::cli {
namespace {

class EgressTestCommand : public Command {
 public:
  std::string name() const override { return "egress test"; }
  std::string summary() const override { return "say whether hosts are allowed, and by which line"; }
  std::string synopsis() const override {
    return "[--project DIR] [--agent NAME] [--session SESSION] HOST[:PORT]...";
  }
  std::vector<Example> examples() const override {
    return {{"drydock egress test example.org", "would a session in this folder reach it?"},
            {"drydock egress test --session 4f2a example.org:443", "does this one reach it now?"}};
  }
  std::string description() const override {
    return "Asks the program text that decides in a session's guard. Nothing is looked up and nobody is "
           "connected to: a\nhost that is allowed may still lead to an address that is refused. The exit "
           "status "
           "is 0 when all are allowed,\nand 1 when one is not.";
  }
  void declare(po::options_description& options) const override {
    declare_project(options);
    declare_agent(options);
    declare_session(options, "by the allowlist of this live session, as it is now");
  }
  std::size_t max_operands() const override { return 1000; }

  int run(const Invocation& invocation) const override {
    const auto& hosts = read_hosts(invocation, "test");
    refuse_both(invocation, "project", "session");
    refuse_both(invocation, "agent", "session");
    std::string session;
    std::string folder;
    policy::Entries entries;
    if (invocation.has("session")) {
      const Sessions sessions(invocation);
      const core::Candidate& found =
          sessions.find(invocation.text("session"), "read the allowlist of", core::a_live_session());
      session = found.session.id;
      entries = core::read_live_filter(found.session).matcher();
    } else {
      const core::Project project = read_project(invocation);
      folder = project.path;
      entries = core::matcher_of(read_allowlist(invocation, project));
    }
    std::vector<core::HostVerdict> verdicts;
    for (const std::string& host : hosts)
      verdicts.push_back(core::judge_host(host, entries, session, folder));
    if (invocation.global.json) {
      print_json(invocation, verdicts, session);
    } else {
      print(invocation, verdicts);
    }
    const bool all = std::all_of(verdicts.begin(), verdicts.end(),
                                 [](const core::HostVerdict& verdict) { return verdict.allowed; });
    return all ? 0 : 1;
  }

 private:
  static void print(const Invocation& invocation, const std::vector<core::HostVerdict>& verdicts) {
    std::vector<std::vector<std::string>> rows;
    for (const core::HostVerdict& verdict : verdicts) {
      rows.push_back({one_line(verdict.authority, 300), verdict.allowed ? "allowed" : "denied",
                      verdict.allowed ? "by " + verdict.rule + " (" + one_line(verdict.source, 4096) + ")"
                                      : verdict.reason});
    }
    invocation.console.print(table(rows));
    for (const core::HostVerdict& verdict : verdicts) {
      if (!verdict.hint.empty())
        invocation.console.say("for " + one_line(verdict.authority, 300) + ": " +
                               one_line(verdict.hint, 5000));
    }
  }

  static void print_json(const Invocation& invocation, const std::vector<core::HostVerdict>& verdicts,
                         const std::string& session) {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    Json array = Json::array();
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      const core::HostVerdict& verdict = verdicts[i];
      const core::Source source = core::parse_source(verdict.source);
      array.push_back({{"asked", invocation.operands[i]},
                       {"authority", verdict.authority},
                       {"allowed", verdict.allowed},
                       {"rule", or_null(verdict.rule)},
                       {"source", or_null(source.name)},
                       {"line", source.line > 0 ? Json(source.line) : Json(nullptr)},
                       {"reason", or_null(verdict.reason)},
                       {"hint", or_null(verdict.hint)}});
    }
    const Json json = {{"schema", 1}, {"session", or_null(session)}, {"hosts", array}};
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_test_command() { return std::make_unique<EgressTestCommand>(); }

}  // namespace drydock::cli
