#include "core/run.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <optional>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/version.hpp"
#include "core/agent_image.hpp"
#include "core/agent_overlay.hpp"
#include "core/agent_state.hpp"
#include "core/agent_tokens.hpp"
#include "core/announce.hpp"
#include "core/attendance.hpp"
#include "core/bootstrap.hpp"
#include "core/canary.hpp"
#include "core/capture.hpp"
#include "core/carry.hpp"
#include "core/command_error.hpp"
#include "core/engine_base.hpp"
#include "core/farewell.hpp"
#include "core/git_worktree.hpp"
#include "core/groups.hpp"
#include "core/invariants.hpp"
#include "core/labels.hpp"
#include "core/launch.hpp"
#include "core/links.hpp"
#include "core/plan_json.hpp"
#include "core/session.hpp"
#include "core/session_name.hpp"
#include "core/session_user.hpp"
#include "core/sessions.hpp"
#include "core/sidecar_image.hpp"
#include "core/sidecar_watch.hpp"
#include "core/verify.hpp"
#include "core/watch.hpp"

namespace drydock::core {
namespace {

constexpr int ask_seconds = 60;
constexpr int timed_out_status = 124;  // as timeout(1)

// What begins with '-' is no command: it is told to the agent.
bool is_for_agent(const RunOptions& options) {
  return !options.command.empty() && starts_with(options.command.front(), "-");
}

// One that is given by hand, as a secret or as a variable, comes before the one that is kept.
void add_kept_tokens(PreparedRun& run) {
  if (!is_for_its_agent(run.options)) return;
  if (!kept_tokens(run.agent.name).empty()) keep_out_of_core_files();
  for (Secret& token : read_tokens(run.agent)) {
    const bool given = run.options.environment.count(token.name) != 0 ||
                       std::any_of(run.secrets.begin(), run.secrets.end(),
                                   [&](const Secret& secret) { return secret.name == token.name; });
    if (given) continue;
    log::info("the session gets the token '{}' that is kept for {}", token.name, run.agent.name);
    run.secrets.push_back(std::move(token));
  }
}

void take_secrets(PreparedRun& run) {
  if (!run.options.secrets.empty()) keep_out_of_core_files();
  run.secrets = take_secrets(run.options.secrets, run.project);
  for (const Secret& secret : run.secrets) {
    if (run.options.environment.count(secret.name) == 0) continue;
    throw Error(
        ErrorKind::usage,
        "cannot pass secret '" + secret.name +
            "': it is to be an environment variable as well, which the engine tells to whoever asks it",
        "leave it out of --env and --env-file");
  }
  add_kept_tokens(run);
}

Allowlist allowlist_of(const RunOptions& options, const Project& project, const AgentProfile& agent) {
  Allowlist list = effective_allowlist(project, agent, options.allow);
  if (options.capture) list.add({{HostPattern::Kind::any, {}}, {capture_source, 0}});
  return list;
}

// One host each: a wildcard would open the private network to whoever owns a name below it.
std::vector<std::string> private_hosts(const RunOptions& options) {
  std::vector<std::string> hosts;
  for (const Given& given : options.allow.private_hosts) {
    for (const Entry& entry : parse_given(given, "--allow-private")) {
      if (entry.pattern.kind != HostPattern::Kind::exact) {
        throw Error(
            ErrorKind::usage,
            "cannot use option '--allow-private': '" + printable(given.value, 80) + "' is more than one host",
            "name each host by itself");
      }
      hosts.push_back(entry.pattern.host);
    }
  }
  return hosts;
}

runtime::ImageReport require_image(runtime::Engine& engine, const std::string& reference, bool is_default) {
  try {
    runtime::ImageReport image = engine.images().inspect(reference);
    require_digest(engine.system().name(), reference, image);
    for (const auto& [key, value] : image.annotations) {
      if (starts_with(key, "io.podman.annotations.checkpoint")) {
        throw Error(ErrorKind::refused,
                    "cannot use image '" + reference + "': it carries the annotation '" +
                        printable(key, 100) +
                        "', by which Podman before 6.1.3 drops its isolation (CVE-2026-94603)",
                    "use an image without it");
      }
    }
    return image;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    const std::string engine_name = engine.system().name();
    throw Error(ErrorKind::not_found,
                "cannot use image '" + printable(reference, 200) + "': " + engine_name + " does not have it",
                is_default ? "make it with: drydock build --base bootstrap"
                           : "load it, or let it be fetched with --pull missing");
  }
}

std::string choose_image(runtime::Engine& engine, const PreparedRun& run) {
  const std::vector<std::string>& packages = run.options.packages;
  const ImageChoice choice = choose_kind_of_image(run.options, run.agent);
  if (choice == ImageChoice::named) return run.options.image;
  if (choice == ImageChoice::base) return base_image_reference();
  if (find_agent_image(engine, run.agent.name, packages))
    return agent_image_reference(run.agent.name, packages);
  if (choice == ImageChoice::agent_or_base) return base_image_reference();
  throw Error(ErrorKind::not_found,
              "cannot run agent '" + run.agent.name + "': " + engine.system().name() +
                  " does not have its image" +
                  (packages.empty() ? "" : " with the packages " + printable(join(packages, ", "), 300)),
              "make it with: " + how_to_build(run.agent.name, packages));
}

// It still has all that it was made of; the profile of today asks for something else.
void tell_of_another_profile(const PreparedRun& run, const runtime::ImageReport& image, Talk& talk) {
  if (!run.options.image.empty()) return;
  if (image.labels.count(image_profile_label) == 0 || is_of_profile(image, run.agent)) return;
  talk.say("the image of agent '" + run.agent.name +
           "' was made of another profile of it; to make it anew: drydock build --agent " + run.agent.name);
}

std::vector<std::string> choose_command(const PreparedRun& run, const runtime::ImageReport& image) {
  const std::vector<std::string>& asked = run.options.command;
  if (!asked.empty() && !is_for_agent(run.options)) return asked;
  if (run.options.shell) {
    const bool has_bash =
        image.labels.count(image_kind_label) != 0 && image.labels.count(image_base_label) == 0;
    return {has_bash ? "/bin/bash" : "/bin/sh"};
  }
  if (!run.options.image.empty() && run.options.agent.empty()) {
    std::vector<std::string> own = image.entrypoint;
    own.insert(own.end(), image.command.begin(), image.command.end());
    own.insert(own.end(), asked.begin(), asked.end());
    if (!own.empty()) return own;
  }
  std::vector<std::string> command = run.agent.command;
  command.insert(command.end(), asked.begin(), asked.end());
  return command;
}

void require_supported(const runtime::EngineInfo& info, const PreparedRun& run) {
  require_supported(info, run.mode.mode);
  if (run.mode.mode == Mode::dood && run.options.detach &&
      starts_with(info.socket, "unix://" + runtime_directory())) {
    throw Error(ErrorKind::unsupported,
                "cannot detach a dood session: the Podman service that drydock started ends when it is idle",
                "start your own: systemctl --user enable --now podman.socket");
  }
}

// The agent ran; what is its status?
int finish(Session& session, runtime::Engine& engine, const Plan& plan, Talk& talk) {
  const int status = naming_command(plan.agent.command.front(), [&] { return session.wait(); });
  if (status == 128 + SIGKILL) {
    try {
      if (engine.containers().inspect(plan.agent.name).oom_killed)
        talk.warn("the agent ran out of memory and was killed");
    } catch (const Error& error) {
      log::debug("{}", error.what());
    }
  }
  return status;
}

// The agent has ended and its status is known: removes the session, or leaves it at rest when it is kept.
void close_session(Session& session, runtime::Engine& engine, const Plan& plan, int status, Talk& talk,
                   StopSource& stop) {
  record_status(plan.session, status);
  if (plan.agent.labels.count(std::string(label::keep)) == 0) {
    remove_and_tell(session, talk, stop);
    return;
  }
  say_farewell(engine, session.record(), talk);
  remove_secrets(plan.session);
  try {
    harvest_session_state(plan.session);
  } catch (const Error& error) {
    talk.warn(error.what());
  }
  if (plan.sidecar) rest_sidecars(engine, {plan.sidecar->name});
  talk.say("session " + plan.session + " has ended and is kept; remove it with: drydock stop " +
           plan.session);
}

int run_attached(Session& session, runtime::Engine& engine, const PreparedRun& run, const Plan& plan,
                 Talk& talk, StopSource& stop, Timings& timings) {
  const bool tty = plan.agent.tty;
  CarryOptions options;
  options.tty = tty;
  options.with_stdin = plan.agent.open_stdin;
  options.detach_keys = run.options.detach_keys;
  options.resize = [&](runtime::TerminalSize size) { engine.containers().resize(plan.agent.name, size); };
  const Attendance attendance(plan.session);
  const SidecarWatch sidecar(session.sidecar_pid());
  options.watched = sidecar.fd();
  options.on_watched = [&] { tell_sidecar_ended(plan.session, tty, talk); };

  PumpEnd end{};
  {
    const auto stream = naming_command(plan.agent.command.front(),
                                       [&] { return session.start_attached(plan.agent.open_stdin); });
    timings.begin("the agent");
    if (run.options.timeout) options.deadline = std::chrono::steady_clock::now() + *run.options.timeout;
    end = carry(*stream, options, stop);
  }
  timings.begin("end the session");
  // A capture is not left alone.
  const bool hung_up = end == PumpEnd::stopped && stop.signal() == SIGHUP && tty && !run.options.capture;
  if (end == PumpEnd::detached || hung_up) {
    stop.acknowledge();
    mark_detached(plan.session);
    if (!hung_up)
      talk.say("detached from session " + plan.session + "; back with: drydock attach " + plan.session +
               "; end it with: drydock stop " + plan.session);
    return hung_up ? 128 + SIGHUP : 0;
  }
  if (end == PumpEnd::stopped || end == PumpEnd::timed_out) {
    const int signal = stop.acknowledge();
    const int status = end == PumpEnd::timed_out ? timed_out_status : 128 + signal;
    if (end == PumpEnd::timed_out) talk.warn("session " + plan.session + " has reached its time limit");
    try {
      session.stop_agent(default_grace);
    } catch (const Error& error) {
      // Removal ends it as well, without the grace.
      log::info("{}", error.what());
    }
    close_session(session, engine, plan, status, talk, stop);
    return status;
  }
  int status = 0;
  try {
    status = finish(session, engine, plan, talk);
  } catch (const Error& error) {
    // Another drydock has ended and removed it, and left word.
    const auto recorded = attendance.recorded_status();
    if (error.kind() != ErrorKind::not_found || !recorded) throw;
    status = *recorded;
  }
  close_session(session, engine, plan, status, talk, stop);
  return status;
}

// A plan that is only looked at makes nothing.
enum class Touch { make, nothing };

// Where there are none, the session would make them. Nothing is made in what it cannot write to.
void make_hooks_folders(PlanRequest& request) {
  for (auto* guards : {&request.view.mounts, &request.git.paths}) {
    if (request.project_read_only && guards == &request.git.paths) {
      std::erase_if(*guards, [](const GuardedPath& guard) { return guard.missing; });
      continue;
    }
    for (std::string& notice : make_missing(*guards)) request.git.notices.push_back(std::move(notice));
  }
}

Plan make_plan(runtime::Engine& engine, const PreparedRun& run, const runtime::ImageReport& image,
               const std::string& image_reference, const std::string& sidecar_image, Touch touch) {
  PlanRequest request = begin_request(engine, run.mode.mode, run.options.subnet_pool);
  request.label_name = run.options.name;
  request.project = run.project;
  request.mode = run.mode;
  request.agent_name = run.agent.name;
  request.allowlist = run.allowlist;
  request.image = image_reference;
  request.image_id = image.id;
  request.sidecar_image = sidecar_image;
  request.command = choose_command(run, image);
  request.environment = session_environment(run);
  request.workdir = run.options.workdir;
  request.oci_runtime = run.options.oci_runtime;
  request.limits = run.options.limits;
  request.tty = run.options.tty;
  request.open_stdin = run.options.stdin_open && (!run.options.detach || run.options.tty);
  request.detached = run.options.detach;
  request.uid = run.uid;
  request.gid = run.gid;
  request.keep = run.options.keep;
  request.keep_log = run.options.log;
  if (run.options.ask) request.ask = ask_seconds;
  request.capture = run.options.capture;
  request.view = run.view;
  request.git_config = git_config_text(run.git_identity);
  if (is_for_its_agent(run.options)) {
    request.policy = run.agent.files;
    request.policy_in_image = is_of_profile(image, run.agent);
  }
  if (!run.agent.state.empty()) {
    request.state = session_state(run.agent, run.project.key, request.session);
    overlay_files(*request.state);
    request.has_login = has_kept_login(run.agent);
    request.state->logged_in = is_logged_in(run);
  }
  for (const Secret& secret : run.secrets) request.secrets.push_back(secret.name);
  request.secret_variables = secret_variables(run.secrets, run.agent);
  if (!run.secrets.empty()) request.secrets_directory = secrets_directory(request.session);
  request.project_read_only = run.options.project_read_only;
  if (run.options.canary) request.wall_checks = canary_checks();
  // Every name is on a capture's list.
  if (run.options.capture) std::erase(request.wall_checks, "unlisted");
  if (run.options.timeout) {
    request.expires = to_rfc3339(std::time(nullptr) + run.options.timeout->count());
  }
  if (run.mode.mode == Mode::dood) {
    constexpr std::string_view scheme = "unix://";
    request.engine_socket = request.engine.socket.substr(scheme.size());
    if (!request.engine.rootless)
      request.engine_socket_gid = socket_group(request.engine_socket, request.uid);
  } else {
    request.allow_private = private_hosts(run.options);
    request.git = find_git_guards(run.project.path, contested_by_sessions);
    add_worktree(request.git, run.project.path, run.uid, run.view.mounts, contested_by_sessions);
  }
  if (touch == Touch::make) make_hooks_folders(request);
  Plan plan = build_plan(request);
  require_sound(plan);
  return plan;
}

}  // namespace

bool is_for_its_agent(const RunOptions& options) {
  return !options.agent.empty() ||
         (options.image.empty() && (options.command.empty() || is_for_agent(options)));
}

PreparedRun prepare_run(const RunOptions& options) {
  PreparedRun run;
  run.options = options;
  run.project = resolve_project(options.directory);
  run.agent = find_agent(options.agent.empty() ? default_agent : options.agent);
  run.mode = resolve_mode(mode_inputs(options.mode, &run.project));
  if (options.capture && run.mode.mode == Mode::dood) {
    throw Error(ErrorKind::usage, "cannot capture a dood session: it has no guard that sees what it asks for",
                "run contained: --mode contained");
  }
  if (options.ask && run.mode.mode == Mode::dood) {
    throw Error(ErrorKind::usage, "cannot use option '--ask': a dood session reaches every host",
                "leave it out, or run contained: --mode contained");
  }
  run.allowlist = allowlist_of(options, run.project, run.agent);
  if (!options.workdir.empty() && options.workdir.front() != '/') {
    throw Error(
        ErrorKind::usage,
        "cannot use working folder '" + printable(options.workdir, 200) + "': it is not an absolute path",
        "pass --workdir /absolute/path");
  }
  ViewRequest view = options.view;
  view.links = read_links(run.project);
  run.view = resolve_view(view, run.project, contested_by_sessions);
  DetachKeys::parse(options.detach_keys);
  take_secrets(run);
  run.git_identity = read_git_identity();
  const SessionUser user = session_user(run.project);
  run.uid = user.uid;
  run.gid = user.gid;
  return run;
}

bool runs_its_agent(const PreparedRun& run) {
  const std::vector<std::string>& command = run.options.command;
  if (run.options.shell) return false;
  if (!command.empty() && !is_for_agent(run.options)) return command.front() == run.agent.command.front();
  return !run.options.agent.empty() || run.options.image.empty();
}

// Without a command it is the agent that runs, and it is in its own image only.
ImageChoice choose_kind_of_image(const RunOptions& options, const AgentProfile& agent) {
  if (!options.image.empty()) return ImageChoice::named;
  if (!options.packages.empty()) return ImageChoice::agent;
  if (!agent.needs_image()) return ImageChoice::base;
  const bool needs_no_agent = options.shell || (!options.command.empty() && !is_for_agent(options));
  return needs_no_agent ? ImageChoice::agent_or_base : ImageChoice::agent;
}

std::string how_to_build(const std::string& agent, const std::vector<std::string>& packages) {
  return "drydock build --agent " + agent + (packages.empty() ? "" : ", in this folder");
}

Plan plan_run(runtime::Engine& engine, const PreparedRun& run, StopSource& stop) {
  require_supported(engine.system().info(), run);
  const std::string reference = choose_image(engine, run);
  const auto image = require_image(engine, reference, run.options.image.empty());
  const std::string sidecar =
      run.mode.mode == Mode::contained ? sidecar_image_reference(&stop) : std::string{};
  return make_plan(engine, run, image, reference, sidecar, Touch::nothing);
}

RunResult execute_run(runtime::Engine& engine, const PreparedRun& run, Talk& talk, StopSource& stop,
                      Timings& timings) {
  require_supported(engine.system().info(), run);
  timings.begin("collect what was left");
  collect_leftovers(engine, talk);
  timings.begin("look for the images");
  if (!run.options.image.empty()) pull_as_asked(engine, run.options.image, run.options.pull, talk);
  const std::string reference = choose_image(engine, run);
  const auto image = require_image(engine, reference, run.options.image.empty());
  tell_of_another_profile(run, image, talk);
  std::string sidecar;
  if (run.mode.mode == Mode::contained) sidecar = ensure_sidecar_image(engine, false, &stop).reference;

  std::optional<NameClaim> claim;
  if (!run.options.name.empty()) claim.emplace(engine, run.options.name);
  std::optional<Plan> made;
  std::optional<Session> session;
  launch_with_patience([&] {
    timings.begin("plan");
    made.emplace(make_plan(engine, run, image, reference, sidecar, Touch::make));
    session.emplace(engine, *made, stop, &timings);
    session->launch(run.secrets);
  });
  claim.reset();
  const Plan& plan = *made;
  save_plan(plan);
  try {
    if (plan.mode == Mode::contained) begin_watch(plan.session, plan.project.path, writable_beside(plan));
    announce(run, plan, talk);
    if (run.options.detach) {
      naming_command(plan.agent.command.front(), [&] { session->start_detached(); });
      mark_detached(plan.session);
      return {0, plan.session};
    }
    return {run_attached(*session, engine, run, plan, talk, stop, timings), plan.session};
  } catch (...) {
    const int signal = stop.acknowledge();
    remove_and_tell(*session, talk, stop);
    if (signal != 0) throw Interrupted(signal);
    throw;
  }
}

}  // namespace drydock::core
