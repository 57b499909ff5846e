// A session as data: everything that will be made, decided before the engine is touched. Building it is a
// pure function of the request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/agent_state.hpp"
#include "core/allowlist.hpp"
#include "core/git_guard.hpp"
#include "core/mode.hpp"
#include "core/owner.hpp"
#include "core/project.hpp"
#include "core/view.hpp"
#include "runtime/types.hpp"

namespace drydock::core {

// How the agent is kept from the network.
enum class Topology {
  bridges,  // internal network with a sidecar, which alone has a way out
  host,     // dood: the host's own network
};

std::string_view to_string(Topology topology);

struct Plan {
  std::string session;
  std::string name;  // for people: drydock-<project>-<session>
  Project project;   // without a path: none is mounted, in a check of the jail
  Mode mode = Mode::contained;
  std::string mode_reason;
  Topology topology = Topology::bridges;
  std::string agent_name;
  runtime::EngineInfo engine;
  Allowlist allowlist;  // empty in dood
  std::string filter;   // the allowlist's, and the canary's line
  std::string canary;
  // The host folder that is mounted as the proxy's configuration, and what is in it.
  std::string sidecar_directory;
  std::map<std::string, std::string> sidecar_files;
  // The host's file that is mounted as the agent's /etc/hosts, and what is in it; empty in dood.
  std::string hosts_file;
  std::string hosts;
  // The host's file that is git's system-wide configuration in the session, and what is in it; both empty
  // when the user has no identity for git.
  std::string git_config_file;
  std::string git_config;
  std::vector<runtime::NetworkSpec> networks;
  std::optional<runtime::ContainerSpec> sidecar;
  // Stands in for the agent before it is started, and shows the wall; absent: nothing is checked.
  std::optional<runtime::ContainerSpec> probe;
  std::vector<std::string> wall_checks;  // what the probe checks
  runtime::ContainerSpec agent;          // a check of the jail never makes it
  bool project_read_only = false;
  // Mounted as they were looked at: what the user wants beside the project, git's hooks, the way to masks.
  std::vector<GuardedPath> guards;
  // The project's, when what it needs of its repository is among them.
  std::optional<GitWorktree> worktree;
  std::vector<std::string> beside;  // what the user wants beside the project: paths of the host
  std::vector<Mask> masks;          // an empty file or folder is mounted over each
  std::string mask_directory;       // the host folder that has those two; empty without masks
  // The copy of the agent's state that is its home folder; absent: that is a tmpfs.
  std::optional<SessionState> state;
  // What the agent's profile wants to be root's in its image (INV-3); where the image is no image of that
  // profile they are mounted.
  std::vector<AgentFile> policy;
  bool policy_in_image = false;
  std::string policy_directory;               // the host folder that has them then
  std::vector<std::string> secrets;           // their names; values are not a plan's to know
  std::vector<std::string> secret_variables;  // those of them that are variables as well
  std::string secrets_directory;              // the host folder, in memory, that has them; empty without any
  bool has_login = false;                     // the state begins with a login that an earlier session left
  bool capture = false;                       // every name is let through, and written down
  bool asks = false;                          // hosts that are not listed wait for a yes
  std::vector<std::string> notices;  // what the user should know: a default limit that is not in force, say
};

// What the user asked for; absent: drydock's own default, which applies where the engine can.
struct LimitRequest {
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> nano_cpus;
  std::optional<std::int64_t> pids;
  std::uint64_t tmpfs_size = std::uint64_t{1} << 30;
  bool best_effort = false;
};

struct PlanRequest {
  std::string session;
  std::string label_name;  // --name, may be empty
  Project project;
  ModeDecision mode;
  std::string agent_name;
  Allowlist allowlist;
  runtime::EngineInfo engine;
  std::string image;
  std::string image_id;  // what the engine has under this name
  std::string sidecar_image;
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // on top of drydock's own
  std::string workdir;                             // empty: the project
  std::string oci_runtime;                         // of the agent; empty: the engine's choice
  LimitRequest limits;
  bool tty = false;
  bool open_stdin = false;
  bool detached = false;
  bool keep = false;
  bool keep_log = true;  // its decision log, after its end
  bool capture = false;  // every name is let through: the label says so
  int ask = 0;           // seconds that a host which is not listed waits for a yes; 0: not at all
  std::vector<std::string> wall_checks;  // empty: no canary
  int wall_silence_ms = 100;             // how long the canary waits for what may stay silent
  std::string expires;                   // RFC 3339; empty: no time limit
  std::uint32_t uid = 0;                 // whom the project's files belong to
  std::uint32_t gid = 0;
  runtime::Cidr internal_subnet;
  runtime::Cidr egress_subnet;
  Owner owner;
  std::string created;            // RFC 3339
  std::string sidecar_directory;  // where the sidecar's files will be
  std::string hosts_file;         // where the agent's /etc/hosts will be
  std::string git_config_file;    // where git's configuration will be
  std::string git_config;         // and what it will be; empty: none
  // The address floor of the guard: the host's addresses, special ranges that are to be treated as public
  // (CIDR), and hosts that may be private ones.
  std::vector<std::string> own_addresses;
  std::vector<std::string> public_ranges;
  std::vector<std::string> allow_private;
  GitGuards git;
  View view;
  bool project_read_only = false;
  std::string mask_directory;  // where the empty file and folder will be
  std::optional<SessionState> state;
  std::vector<AgentFile> policy;  // of the agent that the session is for
  bool policy_in_image = false;
  std::string policy_directory;               // where they will be when they are mounted
  std::vector<std::string> secrets;           // names
  std::vector<std::string> secret_variables;  // those of them that the command gets as variables too
  std::string secrets_directory;              // where they will be
  bool has_login = false;                     // the state will begin with a login
  // dood only: the engine's socket on the host and its group.
  std::string engine_socket;
  std::optional<std::uint32_t> engine_socket_gid;
};

// Throws Error(unsupported) for a limit that was asked for and that this engine does not enforce here.
Plan build_plan(const PlanRequest& request);

// Whether a path of the host is in the repository that a worktree needs, or the whole of it.
bool is_of_worktree(const Plan& plan, const std::string& path);
// What the agent may write to beside the project: paths of the host, none in another.
std::vector<std::string> writable_beside(const Plan& plan);
// What hides a masked part of the project.
runtime::BindMount mask_mount(const Plan& plan, const Mask& mask);
// git's system-wide configuration.
runtime::BindMount git_config_mount(const Plan& plan);
// One of the policy's files; none when the image has them, or the user mounts something else there.
std::optional<runtime::BindMount> policy_mount(const Plan& plan, std::size_t index);
// The agent's home folder; only with a state.
runtime::BindMount home_mount(const Plan& plan);
// What shows the agent its secrets.
runtime::BindMount secrets_mount(const Plan& plan);

// The five of INV-8: package installers and archive tools need them; the agent, not being root, has them in
// its bounding set only.
const std::vector<std::string>& agent_capabilities();

}  // namespace drydock::core
