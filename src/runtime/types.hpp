// The values that cross the engine interface. A Spec is what drydock asks for, a Report is what the engine
// says it has. Neither knows JSON or an engine's own words.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/address.hpp"

namespace drydock::runtime {

using Labels = std::map<std::string, std::string>;

struct NetworkSpec {
  std::string name;
  Cidr subnet;
  // No route out, no address of the host on it and no name service: the agent's network.
  // Otherwise a network with NAT to the outside whose members cannot reach another isolated network.
  bool internal = false;
  Labels labels;
};

struct NetworkReport {
  std::string id;
  std::string name;
  bool internal = false;
  bool ipv6 = false;
  bool dns_enabled = false;  // the engine serves container names (and perhaps forwards others) on it
  bool host_address = true;  // the host has an IPv4 address on it
  bool members_isolated =
      false;  // the engine keeps members apart (Docker: each other; Podman: other isolated networks)
  std::vector<Cidr> subnets;  // IPv4 only
  Labels labels;
};

struct BindMount {
  std::string source;  // absolute path on the host; must exist
  std::string target;  // absolute path in the container
  bool read_only = false;
  friend bool operator==(const BindMount&, const BindMount&) = default;
};

struct TmpfsMount {
  std::string target;
  std::uint64_t size = 0;  // bytes; 0: the kernel's default
  unsigned mode = 01777;
  friend bool operator==(const TmpfsMount&, const TmpfsMount&) = default;
};

// Zero means "not limited by drydock".
struct Limits {
  std::uint64_t memory = 0;     // bytes; swap is not added on top
  std::uint64_t nano_cpus = 0;  // 1e9 is one CPU
  std::int64_t pids = 0;
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct NetworkAttachment {
  std::string network;
  Ipv4 address;
  friend bool operator==(const NetworkAttachment&, const NetworkAttachment&) = default;
};

struct HostEntry {
  std::string name;
  std::string address;
  friend bool operator==(const HostEntry&, const HostEntry&) = default;
};

// How the ids in the container relate to those on the host.
enum class UserMapping {
  engine_default,   // whatever the engine does; for the sidecar, which touches no file of the user's
  same_as_invoker,  // uid:gid in the container are the invoking user's own on bind mounts
};

struct ContainerSpec {
  std::string name;
  std::string image;
  std::string image_id;  // what `image` was when it was looked at, for the read-back; empty: whatever it is
  std::vector<std::string>
      entrypoint;  // empty: none, the command stands alone; the image's own never applies
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::string workdir;
  std::string hostname;     // empty: the engine's choice
  std::string oci_runtime;  // crun, runc, runsc ...; empty: the engine's own choice
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  UserMapping user_mapping = UserMapping::engine_default;
  std::vector<std::uint32_t> groups;  // supplementary
  Labels labels;

  std::vector<std::string> capabilities;  // without CAP_; everything else is dropped
  bool no_new_privileges = true;
  bool read_only_root = false;
  bool init = false;  // the engine's init is PID 1 and reaps

  bool tty = false;
  bool open_stdin = false;
  bool no_core_files = false;  // setrlimit(2): RLIMIT_CORE is 0, and cannot be raised

  std::vector<BindMount> binds;
  std::vector<TmpfsMount> tmpfs;
  Limits limits;
  std::map<std::string, std::string> sysctls;

  bool host_network = false;  // excludes networks
  std::vector<NetworkAttachment> networks;
  // The container resolves no name but those in host_entries.
  bool no_dns = false;
  std::vector<HostEntry> host_entries;
  // When there is so much of its output, in octets, the engine may drop what is older.
  std::uint64_t log_limit = std::uint64_t{10} << 20;
};

// One more command in a running container. It has the container's own user, groups, environment, limits and
// namespaces.
struct ExecSpec {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // on top of the container's
  std::string workdir;                             // empty: the container's
  bool tty = false;
  bool open_stdin = false;
};

struct LogRequest {
  bool tty = false;  // whether the container has a terminal: then all of it is stdout
  bool follow = false;
  int tail = -1;  // only so many lines from the end; negative: all
};

enum class ContainerState { created, running, paused, exited, other };

// One line of a listing.
struct ContainerSummary {
  std::string id;
  std::string name;
  std::string image;
  ContainerState state = ContainerState::other;
  std::string status;        // the engine's words: "Up 5 minutes"
  std::int64_t created = 0;  // seconds since the epoch
  Labels labels;
};

// What the engine says it made: the settings that drydock verifies.
struct ContainerReport {
  std::string id;
  std::string name;
  std::string image_id;
  int pid = 0;  // of its first process, on the host; 0 when it does not run
  ContainerState state = ContainerState::other;
  int exit_code = 0;
  bool oom_killed = false;
  std::string error;  // why it could not start, in the engine's words
  Labels labels;
  std::string user;
  std::string workdir;
  std::string oci_runtime;
  std::map<std::string, std::string> environment;
  std::vector<std::string> bounding_capabilities;  // the bounding set, without CAP_, sorted
  std::vector<std::string>
      process_capabilities;  // held by the first process itself, where the engine reports it
  bool no_new_privileges = false;
  bool seccomp_unconfined = false;
  bool may_unshare = false;  // the filter lets the container make namespaces of its own
  bool privileged = false;
  bool read_only_root = false;
  bool init = false;
  bool tty = false;
  bool open_stdin = false;
  std::vector<BindMount> binds;
  std::vector<std::string> tmpfs_targets;
  std::vector<std::string> volumes;  // targets of mounts of any other kind
  Limits limits;
  std::map<std::string, std::string> sysctls;  // only where the engine reports them, see reports_sysctls
  bool reports_sysctls = true;
  std::vector<std::uint32_t> groups;
  bool host_network = false;
  bool host_pid = false;
  bool host_ipc = false;
  bool host_cgroups = false;
  bool no_core_files = false;
  std::vector<NetworkAttachment> networks;  // addresses are known once it runs
  std::vector<std::string> dns_servers;
  std::vector<HostEntry> host_entries;
};

struct ImageReport {
  std::string id;  // sha256:…
  std::vector<std::string> tags;
  std::vector<std::string> digests;  // of its manifest, as NAME@sha256:…, where it is known
  std::vector<std::string> command;
  std::vector<std::string> entrypoint;
  std::vector<std::string> environment;  // K=V
  std::vector<std::string> volumes;
  std::string user;
  std::string os;
  std::string architecture;
  Labels labels;
  std::map<std::string, std::string> annotations;
};

struct ImageSummary {
  std::string id;
  std::vector<std::string> tags;
  Labels labels;
};

struct EngineInfo {
  std::string engine;  // "podman", "docker"
  std::string version;
  std::string api_version;  // the one in use
  std::string socket;       // unix:///…
  bool rootless = false;
  bool selinux = false;
  bool seccomp = false;  // containers get a system call filter
  std::string oci_runtime;
  std::string storage_driver;
  std::string cgroup_version;
  std::string network_backend;  // Podman: "netavark" or "cni"; empty where there is no choice
  // Limits that this engine enforces here, not those that it accepts.
  bool enforces_memory = false;
  bool enforces_cpus = false;
  bool enforces_pids = false;
  std::vector<std::string> warnings;
  // What it is made of, by the name of the program: "runc", "netavark", "aardvark-dns"; and the engine
  // itself. A version in its own words, perhaps empty; what it does not tell of is not there.
  std::map<std::string, std::string> components;
  // Rootless Podman from 5.0 on: the program that joins its networks to the machine's, "pasta" or
  // "slirp4netns".
  std::string rootless_network;
  // Docker: the packet filter sees what crosses a bridge, without which its members are not kept apart.
  // Absent: it does not tell.
  std::optional<bool> filters_bridges;
};

}  // namespace drydock::runtime
