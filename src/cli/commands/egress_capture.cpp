#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/configuration.hpp"
#include "cli/egress_options.hpp"
#include "cli/run_options.hpp"
#include "core/capture.hpp"
#include "core/host_verdict.hpp"
#include "core/kept_log.hpp"

namespace drydock::cli {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> not_for_a_capture{
    {{"detach", "a capture ends with its command"},
     {"keep", "a capture ends with its command"},
     {"no-log", "a capture reads the log"},
     {"ask", "a capture allows every host"}}};

// --agent, and not a configuration file.
bool is_agent_named(const Invocation& invocation) {
  const std::string name = invocation.text("agent");
  return !name.empty() &&
         (invocation.configuration == nullptr || invocation.configuration->value("agent") != name);
}

bool records_twice(const Invocation& invocation, const core::PreparedRun& prepared) {
  const bool can = !prepared.agent.telemetry_off.empty();
  if (invocation.flag("twice")) {
    if (invocation.flag("once")) {
      throw Error(ErrorKind::usage, "cannot use option '--once': --twice is given as well",
                  "give one of them");
    }
    if (!can) {
      throw Error(ErrorKind::usage,
                  "cannot use option '--twice': nothing is known that switches the telemetry of agent '" +
                      prepared.agent.name + "' off",
                  "leave it out");
    }
    return true;
  }
  return can && !invocation.flag("once") && (is_agent_named(invocation) || core::runs_its_agent(prepared));
}

// Throws Error(usage) unless the user says yes.
void confirm(const Invocation& invocation, const core::PreparedRun& prepared, bool twice) {
  if (invocation.flag("yes")) return;
  std::string what =
      "While it runs, this session reaches every host by HTTPS: whatever it has seen, it can send anywhere.";
  if (twice) {
    what +=
        "\nThe command runs twice: without the telemetry of agent '" + prepared.agent.name +
        "', and when that has ended well, once more with it, in the project as the first run has left it. "
        "With --once it runs once.";
  }
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

// Lets the second run read what the first one did, where that can be.
class Input {
 public:
  Input() {
    struct stat status {};
    if (::fstat(STDIN_FILENO, &status) != 0) return;
    if (S_ISREG(status.st_mode)) begin_ = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
    is_stream_ = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
  }
  void rewind() const {
    if (begin_ >= 0) ::lseek(STDIN_FILENO, begin_, SEEK_SET);
  }
  bool is_stream() const { return is_stream_; }

 private:
  off_t begin_ = -1;
  bool is_stream_ = false;
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
  std::string synopsis() const override { return "[--yes] [--once | --twice] [OPTIONS] [DIR] [-- CMD...]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress capture -- npm ci", "what would this need?"},
            {"drydock egress capture --yes", "the default agent, without its telemetry and with it"},
            {"drydock egress capture --once --agent claude -- ./release.sh", "what must not run twice"}};
  }
  std::string description() const override {
    return "A session like one of drydock run, with its options, but for the allowlist: it reaches every "
           "host "
           "by HTTPS until\nit ends, and asks first. All else of the jail holds: port 443 alone, TLS for the "
           "tunnel's own host, no private\naddress, no DNS. Then the hosts that it asked for are printed as "
           "lines of an allowlist, each with its counts; what\nis allowed already, what no line can be, and "
           "what was refused all the same, are comments. The exit status is the\ncommand's. An agent whose "
           "profile says what switches "
           "its telemetry off runs twice, without it and with it: what only the\nsecond run asked for is a "
           "comment. Where the first one fails or is interrupted there is no second.";
  }
  void declare(po::options_description& options) const override {
    declare_run_options(options);
    auto add = options.add_options();
    add("yes", po::bool_switch(), "do not ask first");
    add("once", po::bool_switch(), "one run, without the agent's telemetry");
    add("twice", po::bool_switch(),
        "without the agent's telemetry and with it; the smaller list counts; the default for an agent");
  }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  bool takes_command() const override { return true; }
  bool has_run_options() const override { return true; }
  int failure_status() const override { return 125; }

  int run(const Invocation& invocation) const override {
    for (const auto& [option, reason] : not_for_a_capture) {
      const bool given = invocation.has(option) && !invocation.values[option].defaulted();
      if (given)
        throw Error(ErrorKind::usage, std::string("cannot use option '--") + option + "': " + reason,
                    "leave it out");
    }
    core::RunOptions options = read_run_options(invocation);
    options.capture = true;
    options.detach_keys.clear();
    if (invocation.flag("dry-run")) return run_session(invocation, options);
    core::PreparedRun prepared = core::prepare_run(options);
    const bool twice = records_twice(invocation, prepared);
    confirm(invocation, prepared, twice);
    const std::string& agent = prepared.agent.name;
    if (twice) {
      invocation.console.say("the first of two runs: without the telemetry of agent '" + agent +
                             "'; --once leaves the second out");
    }
    const Input input;
    const Captured first = capture_run(invocation, prepared);
    std::optional<Captured> second;
    const std::string why_not = core::why_not_again(first.run.status);
    if (twice && !why_not.empty()) {
      invocation.console.warn("the first run " + why_not +
                              ", and there is no second one with telemetry: the list is of the first alone");
    } else if (twice) {
      invocation.console.say("the second run: with the telemetry of agent '" + agent + "'" +
                             (input.is_stream() ? "; the first has read what came on standard input" : ""));
      input.rewind();
      prepared.options.telemetry = true;
      try {
        second = capture_run(invocation, prepared);
      } catch (...) {
        // What the first one found is not lost for it.
        print(invocation, prepared.project.path, first, nullptr);
        throw;
      }
      if (const std::string why = core::why_not_again(second->run.status); !why.empty()) {
        invocation.console.warn("the second run " + why +
                                ": what only telemetry asks for may be missing from the list");
      }
    }
    print(invocation, prepared.project.path, first, second ? &*second : nullptr);
    return first.run.status;
  }

 private:
  static void print(const Invocation& invocation, const std::string& project, const Captured& first,
                    const Captured* second) {
    const core::Capture* other = second == nullptr ? nullptr : &second->capture;
    if (!invocation.global.json) {
      invocation.console.print(core::candidate_lines(first.capture, other));
      invocation.console.say("allow one for this project with: " + core::allow_command(project) + " HOST");
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
