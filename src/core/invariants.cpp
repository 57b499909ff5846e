#include "core/invariants.hpp"

#include <algorithm>
#include <array>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "core/filter.hpp"
#include "core/guard_config.hpp"
#include "core/labels.hpp"
#include "core/proxy_config.hpp"
#include "core/watch_lease.hpp"

namespace drydock::core {
namespace {

using Breaches = std::vector<std::string>;

const std::string* lookup(const std::map<std::string, std::string>& map, std::string_view key) {
  const auto found = map.find(std::string(key));
  return found == map.end() ? nullptr : &found->second;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// tinyproxy.conf(5): the first word, whatever its case.
std::string directive_of(const std::string& line) {
  const std::string_view text = trim(line);
  return to_lower_ascii(text.substr(0, text.find_first_of(" \t")));
}

void check_labels(const Plan& plan, const runtime::Labels& labels, const std::string& object,
                  Breaches& breaches) {
  const std::string* session = lookup(labels, label::session);
  const bool owned = session != nullptr && *session == plan.session && Owner::read_from(labels).has_value();
  if (!owned || lookup(labels, label::role) == nullptr) {
    breaches.push_back("INV-11: " + object + " does not carry the labels of its session");
  }
}

runtime::BindMount own_hosts_file(const Plan& plan) { return {plan.hosts_file, "/etc/hosts", true}; }

// In what the user wants beside the project, or the whole of it.
bool lies_beside(const Plan& plan, const std::string& path) {
  return std::any_of(plan.beside.begin(), plan.beside.end(), [&](const std::string& folder) {
    return path == folder || starts_with(path, folder + "/");
  });
}

bool is_policy(const Plan& plan, const runtime::BindMount& bind) {
  for (std::size_t i = 0; i < plan.policy.size(); ++i) {
    if (policy_mount(plan, i) == bind) return true;
  }
  return false;
}

// By the image, by a mount, or in another way that the user asked for.
void check_policy(const Plan& plan, Breaches& breaches) {
  const auto& binds = plan.agent.binds;
  for (std::size_t i = 0; i < plan.policy.size(); ++i) {
    const auto needed = policy_mount(plan, i);
    if (needed && std::find(binds.begin(), binds.end(), *needed) == binds.end())
      breaches.push_back("INV-3: the agent would run without its policy '" + plan.policy[i].path + "'");
  }
}

void check_mounts(const Plan& plan, Breaches& breaches) {
  for (const runtime::BindMount& bind : plan.agent.binds) {
    const bool socket_of_dood = plan.mode == Mode::dood && "unix://" + bind.source == plan.engine.socket;
    const bool own_hosts = bind == own_hosts_file(plan);
    const bool of_a_mask = std::any_of(plan.masks.begin(), plan.masks.end(),
                                       [&](const Mask& mask) { return bind == mask_mount(plan, mask); });
    const bool of_secrets = !plan.secrets.empty() && bind == secrets_mount(plan);
    const bool own_home = plan.state && bind == home_mount(plan);
    const bool own_git_config = !plan.git_config.empty() && bind == git_config_mount(plan);
    if (socket_of_dood || own_hosts || own_git_config || of_a_mask || of_secrets || own_home ||
        is_policy(plan, bind))
      continue;
    const bool asked = std::find(plan.beside.begin(), plan.beside.end(), bind.source) != plan.beside.end();
    if (!asked && lies_beside(plan, bind.source)) continue;
    if (const auto reason =
            asked ? extra_mount_refusal(bind.source, bind.read_only) : mount_refusal(bind.source)) {
      breaches.push_back("INV-1: '" + bind.source + "' would be mounted, and " + *reason);
    }
    if (ends_with(bind.source, ".sock")) {
      breaches.push_back("INV-9: the socket '" + bind.source + "' would be mounted");
    }
  }
}

// INV-2: a copy is mounted, and the host's own is not.
void check_state(const Plan& plan, Breaches& breaches) {
  if (!plan.state) return;
  const auto& binds = plan.agent.binds;
  const bool own_folder = starts_with(
      plan.state->home, agent_state_directory(plan.agent_name) + "/sessions/" + plan.session + "/");
  if (!own_folder || std::find(binds.begin(), binds.end(), home_mount(plan)) == binds.end())
    breaches.emplace_back("INV-2: the agent's home would not be the session's own copy");
  for (const runtime::BindMount& bind : binds) {
    for (const StatePath& state : plan.state->paths) {
      for (const std::string& home : home_directories()) {
        const std::string host = home + "/" + state.path;
        if (bind.source == host || starts_with(bind.source, host + "/"))
          breaches.push_back("INV-2: '" + bind.source + "' is the host's own state of the agent");
      }
    }
  }
}

// What is in the environment or on the command line is told by the engine to whoever asks it.
void check_secrets(const Plan& plan, Breaches& breaches) {
  if (plan.has_login && !plan.agent.no_core_files)
    breaches.emplace_back("INV-1: a core file could have the agent's login in it");
  if (plan.secrets.empty()) return;
  const auto& binds = plan.agent.binds;
  if (std::find(binds.begin(), binds.end(), secrets_mount(plan)) == binds.end())
    breaches.emplace_back("INV-1: the secrets would not be mounted as they should");
  if (!plan.agent.no_core_files) breaches.emplace_back("INV-1: a core file could have a secret in it");
  for (const std::string& name : plan.secrets) {
    if (lookup(plan.agent.environment, name) != nullptr)
      breaches.push_back("INV-1: the engine would be told the secret '" + name + "'");
  }
}

void check_hosts_file(const Plan& plan, Breaches& breaches) {
  const auto& binds = plan.agent.binds;
  const bool mounted = std::find(binds.begin(), binds.end(), own_hosts_file(plan)) != binds.end();
  if (plan.hosts_file.empty() || plan.hosts.empty() || !mounted)
    breaches.emplace_back("INV-9: the agent would have an /etc/hosts that is not drydock's");
}

// A hooks folder that the agent may write to, one on the way that it may replace, or a part of the project
// that it should not see.
void check_guards(const Plan& plan, Breaches& breaches) {
  const auto& binds = plan.agent.binds;
  const auto has = [&](const runtime::BindMount& needed) {
    return std::find(binds.begin(), binds.end(), needed) != binds.end();
  };
  for (const GuardedPath& guard : plan.guards) {
    const bool inside = starts_with(guard.path, plan.project.path + "/");
    const bool beside = lies_beside(plan, guard.path);
    const bool of_worktree = is_of_worktree(plan, guard.path);
    const bool writable = (inside || of_worktree) && plan.project_read_only && !guard.read_only;
    if (!(inside || beside || of_worktree) || writable || !has({guard.path, guard.target, guard.read_only})) {
      breaches.push_back("INV-3: '" + guard.path + "' would not be guarded");
    }
  }
  for (const Mask& mask : plan.masks) {
    if (!has(mask_mount(plan, mask))) breaches.push_back("INV-9: '" + mask.path + "' would not be masked");
  }
  const std::string& project = plan.project.path;
  if (!project.empty() && !has({project, project, plan.project_read_only})) {
    breaches.push_back("INV-9: '" + project + "' would not be mounted as it was asked for");
  }
}

// In the repository that is mounted for a worktree: hooks, other worktrees, and what leads git to and fro,
// which nothing that is mounted leaves writable by another name.
void check_worktree(const Plan& plan, Breaches& breaches) {
  if (!plan.worktree) return;
  const auto& binds = plan.agent.binds;
  const auto& [common, own] = *plan.worktree;
  const std::string& project = plan.project.path;
  if (!starts_with(own, common + "/worktrees/") || starts_with(project + "/", common + "/") ||
      starts_with(common + "/", project + "/"))
    breaches.push_back("INV-3: '" + own + "' is no worktree's part of a repository elsewhere");
  for (const std::string& path :
       {common + "/hooks", common + "/worktrees", own + "/commondir", own + "/gitdir", project + "/.git"}) {
    const runtime::BindMount needed{path, path, true};
    if (std::find(binds.begin(), binds.end(), needed) == binds.end())
      breaches.push_back("INV-3: '" + path + "' would not be guarded");
  }
  for (const runtime::BindMount& bind : binds) {
    const std::string hooks = common + "/hooks";
    if (bind.read_only || !starts_with(hooks + "/", bind.source + "/")) continue;
    const runtime::BindMount needed{hooks, bind.target + hooks.substr(bind.source.size()), true};
    if (std::find(binds.begin(), binds.end(), needed) == binds.end())
      breaches.push_back("INV-3: '" + hooks + "' could be written to by way of '" + bind.target + "'");
  }
}

void check_agent(const Plan& plan, Breaches& breaches) {
  const runtime::ContainerSpec& agent = plan.agent;
  auto capabilities = agent.capabilities;
  std::sort(capabilities.begin(), capabilities.end());
  if (capabilities != agent_capabilities()) {
    breaches.push_back("INV-8: the agent's capabilities would be " + join(capabilities, ", "));
  }
  if (agent.uid == 0) breaches.emplace_back("INV-8: the agent would be root");
  if (!agent.no_new_privileges) breaches.emplace_back("INV-8: the agent could gain privileges");
  const bool bounded_tmp =
      std::any_of(agent.tmpfs.begin(), agent.tmpfs.end(),
                  [](const runtime::TmpfsMount& mount) { return mount.target == "/tmp" && mount.size > 0; });
  if (!bounded_tmp) breaches.emplace_back("INV-8: /tmp would have no size limit");
  if (plan.engine.enforces_pids && agent.limits.pids <= 0) {
    breaches.emplace_back("INV-8: the agent would have no process limit");
  }
  if (!agent.init) breaches.emplace_back("INV-11: nobody would reap the agent's orphans");
}

void check_sidecar(const Plan& plan, Breaches& breaches) {
  const runtime::ContainerSpec& sidecar = *plan.sidecar;
  if (!sidecar.capabilities.empty()) breaches.emplace_back("INV-8: the sidecar would have capabilities");
  if (sidecar.uid == 0) breaches.emplace_back("INV-8: the sidecar would be root");
  if (!sidecar.no_new_privileges) breaches.emplace_back("INV-8: the sidecar could gain privileges");
  if (!sidecar.read_only_root) breaches.emplace_back("INV-8: the sidecar's root would be writable");
  if (sidecar.host_network) breaches.emplace_back("INV-9: the sidecar would be on the host's network");
  const std::string* forwarding = lookup(sidecar.sysctls, "net.ipv4.ip_forward");
  if (forwarding == nullptr || *forwarding != "0")
    breaches.emplace_back("INV-9: the sidecar would be a router");
  const bool own_files_only = sidecar.binds.size() == 1 &&
                              sidecar.binds.front().source == plan.sidecar_directory &&
                              sidecar.binds.front().read_only;
  if (!own_files_only) breaches.emplace_back("INV-9: the sidecar would see more than its own configuration");
}

void check_guard(const Plan& plan, runtime::Ipv4 address, const runtime::Cidr& clients, Breaches& breaches) {
  const std::string* config = lookup(plan.sidecar_files, "guard.json");
  const std::vector<std::string> entrypoint{guard_program_path, proxy_config_directory};
  if (config == nullptr || plan.sidecar->entrypoint != entrypoint || !plan.sidecar->command.empty()) {
    breaches.emplace_back("INV-9: the sidecar would run without its guard");
    return;
  }
  const std::string fault = guard_config_fault(*config, address, clients, plan.filter);
  if (!fault.empty()) breaches.push_back("INV-9: the guard would not hold: " + fault);
}

void check_proxy(const Plan& plan, Breaches& breaches) {
  if (!plan.capture && plan.filter.find(any_host_ere) != std::string::npos)
    breaches.emplace_back("INV-9: the session would reach every host, and is no capture");
  if (plan.capture && lookup(plan.sidecar_files, watched_file) == nullptr)
    breaches.emplace_back("INV-9: the capture would outlive whoever started it");
  const std::string* config = lookup(plan.sidecar_files, "tinyproxy.conf");
  const std::string* filter = lookup(plan.sidecar_files, "filter");
  if (config == nullptr || filter == nullptr || *filter != plan.filter) {
    breaches.emplace_back("INV-9: the proxy would run without its filter");
    return;
  }
  const std::array<std::string, 6> needed{
      "Allow 127.0.0.1", "FilterDefaultDeny Yes", "FilterURLs On",
      "FilterType ere",  "ConnectPort 443",       "Upstream http 127.0.0.1:" + std::to_string(guard_port)};
  constexpr std::array<std::string_view, 3> added_by_the_guard{"listen", "port", "filter"};
  for (const std::string& line : needed) {
    if (!has_line(*config, line)) breaches.push_back("INV-9: the proxy's configuration lacks '" + line + "'");
  }
  // Each once: another of the same would add to it, or take its place.
  for (const std::string& line : split(*config, '\n')) {
    const bool wanted = std::find(needed.begin(), needed.end(), line) != needed.end();
    const bool decides = std::any_of(needed.begin(), needed.end(), [&](const std::string& other) {
      return directive_of(line) == directive_of(other);
    });
    const bool added = std::find(added_by_the_guard.begin(), added_by_the_guard.end(), directive_of(line)) !=
                       added_by_the_guard.end();
    if ((decides && !wanted) || added)
      breaches.push_back("INV-9: the proxy's configuration holds '" + line + "'");
  }
  try {
    verify_filter(plan.filter);
  } catch (const Error& error) {
    breaches.push_back(std::string("INV-9: ") + error.what());
  }
}

// What the probe shows must be true of the agent: the same place, and nothing that the agent has not.
void check_probe(const Plan& plan, Breaches& breaches) {
  if (plan.probe.has_value() == plan.wall_checks.empty()) {
    breaches.emplace_back("INV-9: the canary would not check what it should");
  }
  if (!plan.probe) return;
  const runtime::ContainerSpec& probe = *plan.probe;
  const bool same_place = probe.networks == plan.agent.networks && !probe.host_network &&
                          probe.no_dns == plan.agent.no_dns && probe.sysctls == plan.agent.sysctls;
  if (!same_place) breaches.emplace_back("INV-9: the canary would stand elsewhere than the agent");
  const bool own_program = probe.image == plan.sidecar->image && probe.entrypoint.size() == 3 &&
                           probe.entrypoint.front() == guard_program_path && probe.entrypoint[1] == "--probe";
  if (!own_program) breaches.emplace_back("INV-9: the canary would run another program");
  const bool powerless = probe.capabilities.empty() && probe.uid != 0 && probe.no_new_privileges &&
                         probe.read_only_root && probe.binds.empty();
  if (!powerless) breaches.emplace_back("INV-8: the canary would have powers");
  check_labels(plan, probe.labels, "the canary", breaches);
}

void check_jail(const Plan& plan, Breaches& breaches) {
  if (!plan.sidecar || plan.networks.size() != 2) {
    breaches.emplace_back("INV-9: there is no sidecar, or not its two networks");
    return;
  }
  const runtime::NetworkSpec& internal = plan.networks[0];
  const runtime::NetworkSpec& egress = plan.networks[1];
  const runtime::ContainerSpec& agent = plan.agent;
  if (!internal.internal || egress.internal)
    breaches.emplace_back("INV-9: the networks are not one internal, one egress");
  if (internal.subnet.overlaps(egress.subnet)) breaches.emplace_back("INV-9: the two networks overlap");
  if (agent.host_network || agent.networks.size() != 1 || agent.networks.front().network != internal.name) {
    breaches.emplace_back("INV-9: the agent would be on another network than its internal one");
    return;
  }
  if (!agent.no_dns) breaches.emplace_back("INV-9: the agent could resolve names");
  const std::string* ipv6_off = lookup(agent.sysctls, "net.ipv6.conf.all.disable_ipv6");
  if (ipv6_off == nullptr || *ipv6_off != "1") breaches.emplace_back("INV-9: the agent would have IPv6");

  const auto& legs = plan.sidecar->networks;
  const auto on_internal = std::find_if(legs.begin(), legs.end(), [&](const runtime::NetworkAttachment& leg) {
    return leg.network == internal.name;
  });
  if (legs.size() != 2 || on_internal == legs.end()) {
    breaches.emplace_back("INV-9: the sidecar would not be on its two networks");
    return;
  }
  const runtime::Ipv4 agent_address = agent.networks.front().address;
  if (!internal.subnet.contains(on_internal->address) || !internal.subnet.contains(agent_address) ||
      on_internal->address == agent_address) {
    breaches.emplace_back("INV-9: the addresses on the internal network are wrong");
  }
  const std::string proxy = "http://" + on_internal->address.to_string() + ":" + std::to_string(proxy_port);
  for (const char* name :
       {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}) {
    const std::string* value = lookup(agent.environment, name);
    if (value == nullptr || *value != proxy)
      breaches.push_back(std::string("INV-9: ") + name + " does not name the sidecar");
  }
  check_sidecar(plan, breaches);
  check_proxy(plan, breaches);
  check_guard(plan, on_internal->address, internal.subnet, breaches);
  check_probe(plan, breaches);
  check_labels(plan, plan.sidecar->labels, "the sidecar", breaches);
  for (const runtime::NetworkSpec& network : plan.networks) {
    check_labels(plan, network.labels, "network '" + network.name + "'", breaches);
  }
}

void check_dood(const Plan& plan, Breaches& breaches) {
  if (plan.sidecar || !plan.networks.empty())
    breaches.emplace_back("INV-6: dood has no sidecar and no networks");
  if (plan.probe) breaches.emplace_back("INV-6: dood has no jail to be checked");
  if (!plan.filter.empty() || !plan.sidecar_files.empty())
    breaches.emplace_back("INV-6: dood has no filter and no proxy");
}

}  // namespace

std::vector<std::string> broken_invariants(const Plan& plan) {
  Breaches breaches;
  check_agent(plan, breaches);
  check_mounts(plan, breaches);
  check_guards(plan, breaches);
  check_worktree(plan, breaches);
  check_policy(plan, breaches);
  check_secrets(plan, breaches);
  check_state(plan, breaches);
  check_labels(plan, plan.agent.labels, "the agent", breaches);
  if (plan.mode == Mode::contained) {
    check_hosts_file(plan, breaches);
    check_jail(plan, breaches);
  } else {
    check_dood(plan, breaches);
  }
  return breaches;
}

void require_sound(const Plan& plan) {
  const Breaches breaches = broken_invariants(plan);
  if (breaches.empty()) return;
  throw Error(ErrorKind::internal,
              "cannot start session '" + plan.session + "': its plan breaks " + join(breaches, "; "));
}

}  // namespace drydock::core
