#include "core/plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/version.hpp"
#include "core/canary.hpp"
#include "core/filter.hpp"
#include "core/git_identity.hpp"
#include "core/guard_config.hpp"
#include "core/hosts_file.hpp"
#include "core/labels.hpp"
#include "core/proxy_config.hpp"
#include "core/secrets.hpp"
#include "core/watch_lease.hpp"

namespace drydock::core {
namespace {

constexpr std::int64_t default_pids = 4096;
constexpr std::uint64_t sidecar_memory = std::uint64_t{256} << 20;
constexpr std::int64_t sidecar_pids = 512;  // a thread for each of MaxClients, and some
constexpr std::uint64_t sidecar_tmpfs = std::uint64_t{1} << 20;
constexpr std::uint64_t sidecar_log = std::uint64_t{64} << 20;
constexpr std::uint32_t sidecar_uid = 65534;
constexpr const char* agent_hostname = "drydock";
constexpr std::uint32_t sidecar_offset = 2;  // .1 is the engine's to give
constexpr std::uint32_t agent_offset = 3;

// Seconds that the guard goes on behind a time limit: whoever is attached counts from the agent's start, and
// gives it time to end.
constexpr std::int64_t end_slack = 10;

std::string to_label(std::string_view name) { return std::string(name); }

runtime::Labels make_labels(const PlanRequest& request, const std::string& role) {
  runtime::Labels labels;
  labels[to_label(label::session)] = request.session;
  labels[to_label(label::role)] = role;
  labels[to_label(label::project)] = request.project.path;
  labels[to_label(label::version)] = version;
  labels[to_label(label::created)] = request.created;
  labels[to_label(label::mode)] = std::string(to_string(request.mode.mode));
  labels[to_label(label::agent)] = request.agent_name;
  if (!request.label_name.empty()) labels[to_label(label::name)] = request.label_name;
  if (request.detached) labels[to_label(label::detached)] = "1";
  if (request.keep) labels[to_label(label::keep)] = "1";
  if (request.capture) labels[to_label(label::capture)] = "1";
  if (!request.keep_log) labels[to_label(label::no_log)] = "1";
  if (!request.expires.empty()) labels[to_label(label::expires)] = request.expires;
  request.owner.write_to(labels);
  return labels;
}

[[noreturn]] void cannot_limit(const std::string& option, const runtime::EngineInfo& engine,
                               const std::string& what) {
  std::string reason = engine.engine + " does not enforce " + what + " limits here";
  if (engine.cgroup_version == "v2") {
    reason += ": the cgroup v2 controller is not delegated to it";
  } else if (engine.rootless) {
    reason += ": rootless on cgroup v1 has no limits";
  }
  throw Error(ErrorKind::unsupported, "cannot apply limit '" + option + "': " + reason,
              "leave the option out, or pass --best-effort-limits to go on without it");
}

runtime::Limits agent_limits(const PlanRequest& request, std::vector<std::string>& notices) {
  const runtime::EngineInfo& engine = request.engine;
  runtime::Limits limits;
  const auto apply = [&](const auto& asked, bool enforced, auto& limit, const std::string& option,
                         const std::string& what) {
    if (!asked) return;
    if (enforced) {
      limit = *asked;
    } else if (request.limits.best_effort) {
      notices.push_back("the " + what + " limit is not in force: " + engine.engine +
                        " does not enforce it here");
    } else {
      cannot_limit(option, engine, what);
    }
  };
  apply(request.limits.memory, engine.enforces_memory, limits.memory, "--memory", "memory");
  apply(request.limits.nano_cpus, engine.enforces_cpus, limits.nano_cpus, "--cpus", "CPU");
  apply(request.limits.pids, engine.enforces_pids, limits.pids, "--pids-limit", "process");
  if (!request.limits.pids) {
    if (engine.enforces_pids) {
      limits.pids = default_pids;
    } else {
      notices.push_back("no limit on the number of processes: " + engine.engine +
                        " does not enforce it here");
    }
  }
  return limits;
}

runtime::NetworkSpec make_network(const PlanRequest& request, const std::string& role,
                                  const runtime::Cidr& subnet) {
  runtime::NetworkSpec network;
  network.name = "drydock_" + role + "_" + request.session;
  network.subnet = subnet;
  network.internal = role == "internal";
  network.labels = make_labels(request, role);
  return network;
}

runtime::ContainerSpec make_sidecar(const PlanRequest& request, const Plan& plan) {
  runtime::ContainerSpec sidecar;
  sidecar.name = plan.name + "-egress";
  sidecar.image = request.sidecar_image;
  sidecar.entrypoint = {guard_program_path, proxy_config_directory};
  sidecar.workdir = "/";
  sidecar.uid = sidecar_uid;
  sidecar.gid = sidecar_uid;
  sidecar.labels = make_labels(request, "sidecar");
  sidecar.read_only_root = true;
  sidecar.log_limit = sidecar_log;
  sidecar.binds = {{plan.sidecar_directory, proxy_config_directory, true}};
  sidecar.tmpfs = {{"/run", sidecar_tmpfs, 01777}, {"/tmp", sidecar_tmpfs, 01777}};
  if (request.engine.enforces_memory) sidecar.limits.memory = sidecar_memory;
  if (request.engine.enforces_pids) sidecar.limits.pids = sidecar_pids;
  sidecar.sysctls = {{"net.ipv4.ip_forward", "0"},
                     {"net.ipv6.conf.all.disable_ipv6", "1"},
                     // The guard's transparent leg; it has no capability to bind a low port.
                     {"net.ipv4.ip_unprivileged_port_start", std::to_string(transparent_port)}};
  // The egress network first: engines route by it.
  sidecar.networks = {{plan.networks[1].name, request.egress_subnet.at(sidecar_offset)},
                      {plan.networks[0].name, request.internal_subnet.at(sidecar_offset)}};
  return sidecar;
}

// What tinyproxy and the guard are told. Both get the canary's name, which the guard answers by itself.
void make_sidecar_files(const PlanRequest& request, Plan& plan, runtime::Ipv4 address) {
  plan.canary = canary_name(request.session);
  Allowlist filtered = request.allowlist;
  filtered.add({{HostPattern::Kind::exact, plan.canary}, {"canary", 0}});
  plan.filter = compile_filter(filtered);
  GuardSettings guard;
  guard.session = request.session;
  guard.project = request.project.path;
  guard.ask = request.ask;
  if (const auto limit = parse_rfc3339(request.expires)) guard.ends = *limit + end_slack;
  guard.address = address;
  guard.clients = request.internal_subnet;
  guard.allowlist = request.allowlist;
  guard.canary = plan.canary;
  guard.own_addresses = request.own_addresses;
  guard.public_ranges = request.public_ranges;
  guard.allow_private = request.allow_private;
  plan.sidecar_files = make_proxy_files(plan.filter, make_guard_config(guard));
  plan.capture = request.capture;
  plan.asks = request.ask > 0;
  if (plan.asks || plan.capture) plan.sidecar_files[watched_file] = "";
}

// For clients that ignore the proxy's variables: the names lead to the guard's transparent leg.
void add_transparent_names(const Allowlist& list, runtime::Ipv4 address, runtime::ContainerSpec& agent) {
  for (const Entry& entry : list.entries()) {
    if (entry.pattern.kind == HostPattern::Kind::subdomains || entry.pattern.kind == HostPattern::Kind::any)
      continue;
    agent.host_entries.push_back({entry.pattern.host, address.to_string()});
  }
}

void set_proxy_environment(std::map<std::string, std::string>& environment, const std::string& proxy) {
  for (const char* name :
       {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}) {
    environment[name] = proxy;
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) environment[name] = "localhost,127.0.0.1,::1";
  environment["NODE_USE_ENV_PROXY"] = "1";
}

runtime::ContainerSpec make_agent(const PlanRequest& request, Plan& plan) {
  runtime::ContainerSpec agent;
  agent.name = plan.name;
  agent.image = request.image;
  agent.image_id = request.image_id;
  agent.command = with_secret_variables(request.secret_variables, request.command);
  const std::string& folder = request.project.path;
  agent.workdir = request.workdir.empty() ? (folder.empty() ? "/" : folder) : request.workdir;
  agent.oci_runtime = request.oci_runtime;
  agent.uid = request.uid;
  agent.gid = request.gid;
  agent.user_mapping = runtime::UserMapping::same_as_invoker;
  agent.labels = make_labels(request, "agent");
  agent.capabilities = agent_capabilities();
  agent.init = true;
  agent.tty = request.tty;
  agent.open_stdin = request.open_stdin;
  if (!folder.empty()) agent.binds = {{folder, folder, request.project_read_only}};
  plan.state = request.state;
  if (plan.state) {
    agent.binds.push_back(home_mount(plan));
  } else {
    agent.tmpfs.push_back({agent_home, request.limits.tmpfs_size, 01777});
  }
  agent.tmpfs.push_back({"/tmp", request.limits.tmpfs_size, 01777});
  agent.limits = agent_limits(request, plan.notices);
  agent.environment = {{"HOME", agent_home}, {"DRYDOCK", "1"}, {"DRYDOCK_VERSION", version}};
  return agent;
}

// What the user wants beside the project, git's guards and masks, each after what it lies in.
void add_view(const PlanRequest& request, Plan& plan) {
  const auto is_masked = [&](const std::string& path) {
    return std::any_of(request.view.masks.begin(), request.view.masks.end(), [&](const Mask& mask) {
      return path == mask.path || starts_with(path, mask.path + "/");
    });
  };
  plan.project_read_only = request.project_read_only;
  plan.masks = request.view.masks;
  plan.guards = request.view.mounts;
  plan.beside = request.view.beside;
  plan.worktree = request.git.worktree;
  for (const GuardedPath& guard : request.git.paths) {
    const bool known = std::any_of(plan.guards.begin(), plan.guards.end(),
                                   [&](const GuardedPath& other) { return other.target == guard.target; });
    if (!known && !is_masked(guard.path)) plan.guards.push_back(guard);
  }
  std::stable_sort(plan.guards.begin(), plan.guards.end(),
                   [](const GuardedPath& a, const GuardedPath& b) { return a.target < b.target; });
  for (GuardedPath& guard : plan.guards) {
    const bool in_project = starts_with(guard.path, request.project.path + "/");
    if ((in_project || is_of_worktree(plan, guard.path)) && request.project_read_only) guard.read_only = true;
    plan.agent.binds.push_back({guard.path, guard.target, guard.read_only});
  }
  if (!plan.masks.empty()) plan.mask_directory = request.mask_directory;
  for (const Mask& mask : plan.masks) plan.agent.binds.push_back(mask_mount(plan, mask));
  plan.secrets = request.secrets;
  plan.secret_variables = request.secret_variables;
  if (!plan.secrets.empty()) {
    plan.secrets_directory = request.secrets_directory;
    plan.agent.binds.push_back(secrets_mount(plan));
  }
  plan.has_login = request.has_login;
  if (!plan.secrets.empty() || plan.has_login) {
    plan.agent.no_core_files = true;
  }
  for (const auto* notices : {&request.view.notices, &request.git.notices}) {
    plan.notices.insert(plan.notices.end(), notices->begin(), notices->end());
  }
}

// Of a worktree: housekeeping would stumble over the others, which are read-only, and seem to be gone.
constexpr const char* no_housekeeping = "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";

// Each is mounted by itself: the engine makes the folders above it in the container.
void add_policy(const PlanRequest& request, Plan& plan) {
  plan.policy = request.policy;
  plan.policy_in_image = request.policy_in_image;
  if (plan.policy.empty() || plan.policy_in_image) return;
  plan.policy_directory = request.policy_directory;
  for (std::size_t i = 0; i < plan.policy.size(); ++i) {
    const std::string& path = plan.policy[i].path;
    if (!request.project.path.empty() && starts_with(path, request.project.path + "/")) {
      throw Error(
          ErrorKind::refused,
          "cannot run agent '" + request.agent_name + "': the project hides its policy '" + path + "'",
          "move the project to another folder");
    }
    if (const auto mount = policy_mount(plan, i)) plan.agent.binds.push_back(*mount);
  }
  plan.notices.push_back("image '" + printable(request.image, 200) +
                         "' was not made with the policy of agent '" + request.agent_name +
                         "': its files are mounted, read-only");
}

void add_git_config(const PlanRequest& request, Plan& plan) {
  plan.git_config = request.git_config + (plan.worktree ? no_housekeeping : "");
  if (plan.git_config.empty()) return;
  plan.git_config_file = request.git_config_file;
  plan.agent.binds.push_back(git_config_mount(plan));
  plan.agent.environment[git_config_variable] = git_config_target;
}

}  // namespace

bool is_of_worktree(const Plan& plan, const std::string& path) {
  return plan.worktree && (path == plan.worktree->common || starts_with(path, plan.worktree->common + "/"));
}

std::vector<std::string> writable_beside(const Plan& plan) {
  std::vector<std::string> paths;
  for (const runtime::BindMount& bind : plan.agent.binds) {
    const bool asked = std::find(plan.beside.begin(), plan.beside.end(), bind.source) != plan.beside.end();
    const bool common = plan.worktree && bind.source == plan.worktree->common;
    if (!bind.read_only && (asked || common)) paths.push_back(bind.source);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> outer;
  for (const std::string& path : paths) {
    const bool inside = std::any_of(outer.begin(), outer.end(), [&](const std::string& other) {
      return path == other || starts_with(path, other + "/");
    });
    if (!inside) outer.push_back(path);
  }
  return outer;
}

runtime::BindMount git_config_mount(const Plan& plan) {
  return {plan.git_config_file, git_config_target, true};
}

runtime::BindMount mask_mount(const Plan& plan, const Mask& mask) {
  return {plan.mask_directory + (mask.folder ? "/folder" : "/file"), mask.path, true};
}

std::optional<runtime::BindMount> policy_mount(const Plan& plan, std::size_t index) {
  const std::string& path = plan.policy[index].path;
  const bool replaced = std::any_of(plan.guards.begin(), plan.guards.end(), [&](const GuardedPath& guard) {
    const bool asked = std::find(plan.beside.begin(), plan.beside.end(), guard.path) != plan.beside.end();
    return asked && (path == guard.target || starts_with(path, guard.target + "/"));
  });
  if (plan.policy_in_image || replaced) return std::nullopt;
  return runtime::BindMount{plan.policy_directory + "/" + std::to_string(index), path, true};
}

runtime::BindMount home_mount(const Plan& plan) { return {plan.state->home, agent_home, false}; }

runtime::BindMount secrets_mount(const Plan& plan) { return {plan.secrets_directory, secrets_target, true}; }

std::string_view to_string(Topology topology) { return topology == Topology::host ? "host" : "bridges"; }

const std::vector<std::string>& agent_capabilities() {
  static const std::vector<std::string> capabilities{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"};
  return capabilities;
}

Plan build_plan(const PlanRequest& request) {
  Plan plan;
  plan.session = request.session;
  plan.name = "drydock-" + request.project.name + "-" + request.session;
  plan.project = request.project;
  plan.mode = request.mode.mode;
  plan.mode_reason = request.mode.reason;
  plan.agent_name = request.agent_name;
  plan.engine = request.engine;
  plan.agent = make_agent(request, plan);
  add_view(request, plan);
  add_policy(request, plan);
  add_git_config(request, plan);

  if (plan.mode == Mode::dood) {
    plan.topology = Topology::host;
    plan.agent.host_network = true;
    plan.agent.binds.push_back({request.engine_socket, request.engine_socket, false});
    if (request.engine_socket_gid) plan.agent.groups = {*request.engine_socket_gid};
    for (const auto& [name, value] : request.environment) plan.agent.environment[name] = value;
    plan.agent.environment[request.engine.engine == "podman" ? "CONTAINER_HOST" : "DOCKER_HOST"] =
        "unix://" + request.engine_socket;
    return plan;
  }

  plan.topology = Topology::bridges;
  plan.allowlist = request.allowlist;
  plan.sidecar_directory = request.sidecar_directory;
  plan.networks = {make_network(request, "internal", request.internal_subnet),
                   make_network(request, "egress", request.egress_subnet)};
  const runtime::Ipv4 proxy = request.internal_subnet.at(sidecar_offset);
  make_sidecar_files(request, plan, proxy);
  plan.sidecar = make_sidecar(request, plan);

  plan.agent.networks = {{plan.networks[0].name, request.internal_subnet.at(agent_offset)}};
  plan.agent.no_dns = true;
  plan.agent.host_entries = {{sidecar_host, proxy.to_string()}};
  if (request.engine.engine == "podman") {
    // Podman adds these names with an address of the host's; the first entry wins.
    plan.agent.host_entries.push_back({"host.containers.internal", "127.0.0.1"});
    plan.agent.host_entries.push_back({"host.docker.internal", "127.0.0.1"});
  }
  add_transparent_names(request.allowlist, proxy, plan.agent);
  plan.agent.hostname = agent_hostname;
  plan.hosts_file = request.hosts_file;
  plan.hosts = hosts_text(plan.agent);
  plan.agent.binds.push_back({plan.hosts_file, "/etc/hosts", true});
  plan.agent.sysctls = {{"net.ipv6.conf.all.disable_ipv6", "1"}};
  for (const auto& [name, value] : request.environment) plan.agent.environment[name] = value;
  set_proxy_environment(plan.agent.environment,
                        "http://" + proxy.to_string() + ":" + std::to_string(proxy_port));
  plan.wall_checks = request.wall_checks;
  if (!plan.wall_checks.empty()) plan.probe = make_probe(plan, plan.wall_checks, request.wall_silence_ms);
  return plan;
}

}  // namespace drydock::core
