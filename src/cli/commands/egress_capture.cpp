#include <unistd.h>

#include <iostream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/egress_options.hpp"
#include "cli/run_options.hpp"
#include "core/capture.hpp"
#include "core/kept_log.hpp"

namespace drydock::cli {
namespace {

// Throws Error(usage) unless the user says yes.
void confirm(const Invocation& invocation) {
  if (invocation.flag("yes")) return;
  constexpr const char* what =
      "While it runs, this session reaches every host by HTTPS: whatever it has seen, it can send anywhere.";
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) {
    throw Error(ErrorKind::usage,
                "cannot capture: the session would reach every host, and there is no terminal to ask on",
                "say so with --yes");
  }
  std::cerr << what << "\nGo on? [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  const std::string answer = to_lower_ascii(trim(line));
  if (answer != "y" && answer != "yes")
    throw Error(ErrorKind::usage, "cannot capture: nobody said yes", "say so with y, or with --yes");
}

struct Captured {
  core::Capture capture;
  core::RunResult run;
};

Captured capture_run(const Invocation& invocation, const core::PreparedRun& prepared) {
  Captured captured;
  captured.run = run_prepared(invocation, prepared);
  const auto log = core::find_kept_log(captured.run.session, ".");
  if (!log) {
    throw Error(ErrorKind::not_found,
                "cannot tell what session '" + captured.run.session + "' asked for: its log was not kept",
                "see whether this folder can be written to: " + core::decisions_directory());
  }
  core::read_kept_log(*log, [&](std::string_view line, bool) {
    captured.capture.add(line);
    return true;
  });
  return captured;
}

class EgressCaptureCommand : public Command {
 public:
  std::string name() const override { return "egress capture"; }
  std::string summary() const override { return "run with every host allowed, and list what was asked for"; }
  std::string synopsis() const override { return "[--yes] [--twice] [OPTIONS] [DIR] [-- CMD...]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress capture -- npm ci", "what would this need?"},
            {"drydock egress capture --yes --twice", "the default agent, without telemetry and with it"}};
  }
  std::string description() const override {
    return "A session like one of drydock run, with its options, but for the allowlist: it reaches every "
           "host "
           "by HTTPS until\nit ends, and asks first. All else of the jail holds: port 443 alone, TLS for the "
           "tunnel's own host, no private\naddress, no DNS. Then the hosts that it asked for are printed as "
           "lines of an allowlist, each with its counts; what\nis allowed already, and what was refused all "
           "the "
           "same, are comments. The exit status is the command's.";
  }
  void declare(po::options_description& options) const override {
    declare_run_options(options);
    auto add = options.add_options();
    add("yes", po::bool_switch(), "do not ask first");
    add("twice", po::bool_switch(), "without the agent's telemetry and with it; the smaller list counts");
  }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  bool takes_command() const override { return true; }
  bool has_run_options() const override { return true; }
  int failure_status() const override { return 125; }

  int run(const Invocation& invocation) const override {
    // It must end with this command, and leave its log.
    for (const char* option : {"detach", "keep", "no-log", "ask"}) {
      const bool given = invocation.has(option) && !invocation.values[option].defaulted();
      if (given)
        throw Error(ErrorKind::usage, std::string("cannot use option '--") + option + "' for a capture",
                    "leave it out");
    }
    core::RunOptions options = read_run_options(invocation);
    options.capture = true;
    options.detach_keys.clear();
    if (invocation.flag("dry-run")) return run_session(invocation, options);
    core::PreparedRun prepared = core::prepare_run(options);
    const bool twice = invocation.flag("twice");
    if (twice && prepared.agent.telemetry_off.empty()) {
      throw Error(ErrorKind::usage,
                  "cannot use option '--twice': nothing is known that switches the telemetry of agent '" +
                      prepared.agent.name + "' off",
                  "leave it out");
    }
    confirm(invocation);
    const Captured first = capture_run(invocation, prepared);
    std::optional<Captured> second;
    if (twice) {
      prepared.options.telemetry = true;
      try {
        second = capture_run(invocation, prepared);
      } catch (...) {
        // What the first one found is not lost for it.
        print(invocation, first, nullptr);
        throw;
      }
    }
    print(invocation, first, second ? &*second : nullptr);
    return first.run.status;
  }

 private:
  static void print(const Invocation& invocation, const Captured& first, const Captured* second) {
    const core::Capture* other = second == nullptr ? nullptr : &second->capture;
    if (!invocation.global.json) {
      invocation.console.print(core::candidate_lines(first.capture, other));
      invocation.console.say("allow one for this project with: drydock egress allow HOST");
      return;
    }
    Json json = core::to_json(first.capture, other);
    json["session"] = first.run.session;
    json["status"] = first.run.status;
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_capture_command() { return std::make_unique<EgressCaptureCommand>(); }

}  // namespace drydock::cli
