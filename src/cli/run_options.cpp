#include "cli/run_options.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "base/input_file.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/text.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "core/detach_keys.hpp"
#include "core/plan_json.hpp"

namespace drydock::cli {
namespace {

[[noreturn]] void bad_value(const std::string& option, const std::string& value, const std::string& reason,
                            const std::string& hint) {
  throw Error(ErrorKind::usage,
              "cannot use option '" + option + "': '" + printable(value, 80) + "' " + reason, hint);
}

std::optional<std::uint64_t> byte_size(const Invocation& invocation, const std::string& option) {
  if (!invocation.has(option)) return std::nullopt;
  const auto size = parse_byte_size(invocation.text(option));
  if (!size || *size == 0)
    bad_value("--" + option, invocation.text(option), "is not a size", "write it as 512m or 2g");
  return size;
}

core::LimitRequest read_limits(const Invocation& invocation) {
  constexpr std::uint64_t smallest_memory = std::uint64_t{6} << 20;  // what Docker takes
  core::LimitRequest limits;
  limits.memory = byte_size(invocation, "memory");
  if (limits.memory && *limits.memory < smallest_memory) {
    bad_value("--memory", invocation.text("memory"), "is too little", "give at least 6m");
  }
  if (invocation.has("cpus")) {
    limits.nano_cpus = parse_nano_cpus(invocation.text("cpus"));
    if (!limits.nano_cpus)
      bad_value("--cpus", invocation.text("cpus"), "is not a number of CPUs", "write it as 1.5");
  }
  if (invocation.has("pids-limit")) {
    const std::string text = invocation.text("pids-limit");
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1) {
      bad_value("--pids-limit", text, "is not a number of processes", "write it as 512");
    }
    limits.pids = value;
  }
  if (const auto size = byte_size(invocation, "tmpfs-size")) limits.tmpfs_size = *size;
  limits.best_effort = invocation.flag("best-effort-limits");
  return limits;
}

std::optional<core::Mode> read_mode(const Invocation& invocation) {
  if (!invocation.has("mode")) return std::nullopt;
  const std::string mode = invocation.text("mode");
  if (mode == "contained") return core::Mode::contained;
  if (mode == "dood") return core::Mode::dood;
  bad_value("--mode", mode, "is no mode", "use contained or dood");
}

std::string read_oci_runtime(const Invocation& invocation) {
  const std::string name = invocation.text("oci-runtime");
  const bool plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
      std::string::npos;
  if (invocation.has("oci-runtime") && (name.empty() || !plain)) {
    bad_value("--oci-runtime", name, "is no name of a runtime", "name one that the engine knows, as crun");
  }
  return name;
}

bool decide_tty(const Invocation& invocation) {
  const bool terminals = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const bool detach = invocation.flag("detach");
  if (invocation.flag("tty")) {
    if (invocation.flag("no-tty")) bad_value("--tty", "--no-tty", "contradicts it", "give one of them");
    if (!terminals && !detach) {
      throw Error(ErrorKind::usage, "cannot use option '--tty': standard input and output are not a terminal",
                  "leave -t out: a terminal is used when there is one");
    }
    return true;
  }
  return terminals && !detach && !invocation.flag("no-tty");
}

// NAME=VALUE, or NAME for the value that it has here, if any.
void set_variable(const std::string& entry, std::map<std::string, std::string>& environment) {
  const auto equals = entry.find('=');
  const std::string name = entry.substr(0, equals);
  if (equals != std::string::npos) {
    environment[name] = entry.substr(equals + 1);
  } else if (const char* value = std::getenv(name.c_str())) {
    environment[name] = value;
  }
}

// As podman and docker have it: everything behind the first '=' is the value, quotes too.
void read_environment_file(const std::string& path, const StopSource& stop,
                           std::map<std::string, std::string>& environment) {
  const auto content = read_input_file(path, &stop);
  if (!content) {
    throw Error(ErrorKind::invalid,
                "cannot read environment file '" + printable(path, 200) + "': " + content.error().reason,
                "name a file that exists and that you may read");
  }
  std::istringstream file(*content);
  std::string line;
  int number = 0;
  while (std::getline(file, line)) {
    ++number;
    if (ends_with(line, "\r")) line.pop_back();
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const std::string name = line.substr(0, equals);
    if (name.empty() || name.find_first_of(" \t") != std::string::npos) {
      throw Error(ErrorKind::invalid,
                  "cannot read environment file '" + printable(path, 200) + ":" + std::to_string(number) +
                      "': '" + printable(name, 80) + "' is no name of a variable",
                  "write it as NAME=VALUE, or NAME to pass on yours");
    }
    set_variable(line, environment);
  }
}

}  // namespace

core::PullPolicy read_pull(const Invocation& invocation) {
  if (!invocation.has("pull")) return core::PullPolicy::never;
  const auto policy = core::parse_pull_policy(invocation.text("pull"));
  if (!policy)
    bad_value("--pull", invocation.text("pull"), "is no pull policy", "use never, missing, always or newer");
  return *policy;
}

void declare_subnet_pool(po::options_description& options) {
  options.add_options()("subnet-pool", po::value<std::string>()->value_name("NET"),
                        "private network to take the session's own from, by default 10.231.0.0/16");
}

runtime::Cidr read_subnet_pool(const Invocation& invocation) {
  const std::string text =
      invocation.has("subnet-pool") ? invocation.text("subnet-pool") : std::string(core::default_subnet_pool);
  const auto pool = core::parse_subnet_pool(text);
  if (!pool) {
    bad_value("--subnet-pool", text, "is no private network that a session fits in",
              "write one of 10/8, 172.16/12 or 192.168/16 as 10.231.0.0/16, at most /28");
  }
  return *pool;
}

void declare_run_options(po::options_description& options) {
  auto add = options.add_options();
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  const auto list = [](const char* name) {
    return po::value<std::vector<std::string>>()->composing()->value_name(name);
  };
  add("image", text("REF"), "the container image; it must be in the engine's store, or see --pull");
  add("pull", text("WHEN"),
      "fetch that image from its registry: never (the default), missing, always, newer");
  add("agent", text("NAME"), "the agent profile, by default claude or the configuration's");
  add("name", text("NAME"), "a name for the session, for list and stop");
  add("allow", list("HOST"), "allow HOST (example.org, *.example.org, .example.org); repeatable");
  add("allow-file", list("FILE"), "allow the hosts in FILE; repeatable");
  add("allow-private", list("HOST"), "allow HOST, also when it has a private address; repeatable");
  add("mode", text("MODE"), "contained (the default), or dood: the engine's socket, no jail");
  add("env,e", list("K[=V]"), "set a variable, or pass on one of yours; repeatable");
  add("env-file", list("FILE"), "set the variables in FILE, lines of K[=V]; repeatable");
  add("secret", list("NAME[=FILE]"),
      "hand over a variable of yours, or FILE, as /run/secrets/NAME; repeatable");
  add("mount", list("SRC:DST"), "mount SRC of the host at DST, read-only, or SRC:DST:rw; repeatable");
  add("mask", list("PATH"), "hide a file or folder of the project; repeatable");
  add("project-ro", po::bool_switch(), "the project is read-only");
  add("workdir,w", text("DIR"), "working folder in the container, by default the project");
  add("detach,d", po::bool_switch(), "leave the session running, print its id");
  add("interactive,i", po::bool_switch(), "keep standard input open (the default)");
  add("tty,t", po::bool_switch(), "a terminal in the container; the default when there is one here");
  add("no-tty", po::bool_switch(), "no terminal in the container");
  add("detach-keys", text("KEYS"), "keys that leave the session running, by default ctrl-],ctrl-]");
  add("memory", text("SIZE"), "memory limit, as 2g");
  add("cpus", text("N"), "CPU limit, as 1.5");
  add("pids-limit", text("N"), "limit on processes and threads");
  add("tmpfs-size", text("SIZE"), "size of /tmp and of a home folder in memory, by default 1g");
  add("best-effort-limits", po::bool_switch(), "go on when the engine does not enforce a limit here");
  add("keep", po::bool_switch(), "leave container and log when it has ended, until stop removes them");
  add("ask", po::bool_switch(), "a host that is not allowed waits for a yes from egress watch, 60 s at most");
  add("no-log", po::bool_switch(), "keep no log of the decisions when it has ended");
  add("timeout", text("DURATION"), "end the session after so long (30s, 10m, 2h); exit status 124");
  add("oci-runtime", text("NAME"), "the OCI runtime of the agent's container, as crun, runc or runsc");
  declare_subnet_pool(options);
  add("no-canary", po::bool_switch(), "start without a check of the jail from inside");
  add("timings", po::bool_switch(), "say at the end how long each step took");
  add("dry-run", po::bool_switch(), "print the plan, change nothing");
}

std::map<std::string, std::string> read_environment(const Invocation& invocation) {
  std::map<std::string, std::string> environment;
  if (invocation.has("env-file")) {
    for (const std::string& path : invocation.list("env-file"))
      read_environment_file(path, invocation.stop, environment);
  }
  for (const std::string& entry : invocation.list("env")) {
    if (entry.empty() || entry.front() == '=') {
      bad_value("--env", entry, "names no variable", "write it as NAME or NAME=VALUE");
    }
    set_variable(entry, environment);
  }
  return environment;
}

core::RunOptions read_run_options(const Invocation& invocation) {
  core::RunOptions options;
  if (!invocation.operands.empty()) options.directory = invocation.operands.front();
  if (invocation.command) {
    options.command = *invocation.command;
    if (options.command.empty()) {
      throw Error(ErrorKind::usage, "cannot use '--': no command stands behind it",
                  "write the command, or leave -- out");
    }
  }
  options.agent = invocation.text("agent");
  options.image = invocation.text("image");
  if (invocation.has("image") && options.image.empty()) bad_value("--image", "", "is empty", "name an image");
  options.pull = read_pull(invocation);
  options.packages = configured_packages(invocation);
  options.name = invocation.text("name");
  if (options.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
          std::string::npos ||
      options.name.size() > 64) {
    bad_value("--name", options.name, "is not a name", "use up to 64 letters, digits and _.-");
  }
  options.allow = read_allowlist_request(invocation);
  options.mode = read_mode(invocation);
  options.environment = read_environment(invocation);
  options.secrets = invocation.list("secret");
  options.view.mounts = invocation.list("mount");
  options.view.masks = invocation.list("mask");
  options.project_read_only = invocation.flag("project-ro");
  options.workdir = invocation.text("workdir");
  options.oci_runtime = read_oci_runtime(invocation);
  options.subnet_pool = read_subnet_pool(invocation);
  options.limits = read_limits(invocation);
  options.detach = invocation.flag("detach");
  options.keep = invocation.flag("keep");
  options.log = !invocation.flag("no-log");
  options.ask = invocation.flag("ask");
  options.canary = !invocation.flag("no-canary");
  if (invocation.has("timeout")) {
    options.timeout = parse_duration(invocation.text("timeout"));
    if (!options.timeout) {
      bad_value("--timeout", invocation.text("timeout"), "is not a duration",
                "write it as 90s, 10m or 1h30m");
    }
  }
  options.tty = decide_tty(invocation);
  if (options.tty && options.environment.count("TERM") == 0) {
    const char* term = std::getenv("TERM");
    options.environment["TERM"] = term != nullptr && *term != '\0' ? term : "xterm";
  }
  options.detach_keys =
      invocation.has("detach-keys") ? invocation.text("detach-keys") : std::string(core::default_detach_keys);
  return options;
}

core::RunResult run_prepared(const Invocation& invocation, const core::PreparedRun& prepared) {
  const auto providers = make_providers();
  core::Timings timings;
  timings.begin("reach the engine");
  const core::Selection selection =
      core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
  const core::RunResult result =
      core::execute_run(*selection.engine, prepared, invocation.console, invocation.stop, timings);
  timings.end();
  if (invocation.flag("timings")) {
    invocation.console.pass_on(true, "drydock: how long each step took:\n" + timings.to_text());
  }
  return result;
}

int run_session(const Invocation& invocation, const core::RunOptions& options) {
  const auto providers = make_providers();
  core::require_engine_name(providers, invocation.global.runtime);
  const core::PreparedRun prepared = core::prepare_run(options);
  if (invocation.flag("dry-run")) {
    const core::Selection selection =
        core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
    const core::Plan plan = core::plan_run(*selection.engine, prepared, invocation.stop);
    invocation.console.print(invocation.global.json ? core::to_json(plan).dump(2) + "\n"
                                                    : core::to_text(plan));
    return 0;
  }
  const core::RunResult result = run_prepared(invocation, prepared);
  if (options.detach) {
    invocation.console.print(invocation.global.json ? Json{{"session", result.session}}.dump() + "\n"
                                                    : result.session + "\n");
  }
  return result.status;
}

}  // namespace drydock::cli
