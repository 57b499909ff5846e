#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/session_argument.hpp"
#include "core/farewell.hpp"

namespace drydock::cli {
namespace {

int read_grace(const Invocation& invocation) {
  if (!invocation.has("time")) return core::default_grace;
  constexpr int longest = 3600;
  const std::string text = invocation.text("time");
  int seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0 || seconds > longest) {
    throw Error(ErrorKind::usage,
                "cannot use option '--time': '" + printable(text, 80) + "' is not a number of seconds",
                "write it as 10");
  }
  return seconds;
}

class StopCommand : public Command {
 public:
  std::string name() const override { return "stop"; }
  std::string summary() const override { return "end sessions and remove what they made"; }
  std::string synopsis() const override { return "[--time SECONDS] [SESSION...] | --all"; }
  std::vector<Example> examples() const override {
    return {{"drydock stop", "the only live session"},
            {"drydock stop --time 30 4f2a", "half a minute to end by itself"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nThe agent gets SIGTERM and, when it has not ended in time, SIGKILL. Each session is tried; the "
           "exit\nstatus is 1 if one failed.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("all,a", po::bool_switch(), "every session of yours");
    add("time", po::value<std::string>()->value_name("SECONDS"), "between SIGTERM and SIGKILL, by default 3");
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1000; }

  int run(const Invocation& invocation) const override {
    const bool all = invocation.flag("all");
    if (all && !invocation.operands.empty()) {
      throw Error(ErrorKind::usage, "cannot use option '--all': sessions are named as well",
                  "name sessions, or give --all");
    }
    const int grace = read_grace(invocation);
    const Sessions sessions(invocation);
    Json stopped = Json::array();
    bool failed = false;
    const auto attempt = [&](const core::Candidate& found) {
      core::end_session(*found.engine, found.session, grace);
      const auto failures = core::remove_session(*found.engine, found.session,
                                                 core::farewell_of(*found.engine, invocation.console));
      for (const std::string& failure : failures) invocation.console.warn(failure);
      failed = failed || !failures.empty();
      stopped.push_back(
          {{"id", found.session.id}, {"runtime", found.session.runtime}, {"failures", failures}});
      if (!invocation.global.json) invocation.console.print(found.session.id + "\n");
    };
    if (all) {
      for (const core::Candidate& found : sessions.all()) attempt(found);
    } else if (invocation.operands.empty()) {
      attempt(sessions.find({}, "stop", core::a_live_session()));
    }
    for (const std::string& wanted : invocation.operands) {
      try {
        attempt(sessions.find(wanted, "stop", core::a_session()));
      } catch (const Error& error) {
        failed = true;
        invocation.console.report(error, failure_status());
      }
    }
    if (invocation.global.json) invocation.console.print(stopped.dump(2) + "\n");
    return failed ? 1 : 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_stop_command() { return std::make_unique<StopCommand>(); }

}  // namespace drydock::cli
