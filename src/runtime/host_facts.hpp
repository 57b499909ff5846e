// What a machine has for containers, as its files say: values, so that judging them needs no machine.
// Sources: subuid(5), newuidmap(1), user_namespaces(7), cgroups(7), selinux(8).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace drydock::runtime {

enum class CgroupTree { none, v1, hybrid, v2 };  // hybrid: version 2 beside version 1

struct HostProgram {
  std::string path;
  std::string version;      // what it says of itself; empty: it was not asked, or says nothing
  bool privileged = false;  // set-user-ID root, or with file capabilities
};

struct HostFacts {
  std::uint32_t uid = 0;
  std::string user;
  // How many ids the user has in /etc/subuid and /etc/subgid; absent when a file cannot be read, or when
  // nsswitch.conf sends such questions elsewhere.
  std::optional<std::uint64_t> subordinate_uids;
  std::optional<std::uint64_t> subordinate_gids;
  std::map<std::string, HostProgram> programs;  // those that were asked for and are there
  // Why /dev/net/tun cannot be opened, in the system's words; empty: it can.
  std::string tun_failure;
  // Of sysctls, those that this kernel has.
  std::optional<std::int64_t> max_user_namespaces;
  std::optional<std::int64_t> unprivileged_userns_clone;
  std::optional<std::int64_t> apparmor_restricts_userns;
  std::optional<std::int64_t> filters_bridges;  // net.bridge.bridge-nf-call-iptables
  std::vector<std::string> apparmor_profiles;   // files in /etc/apparmor.d
  CgroupTree cgroups = CgroupTree::none;
  std::optional<bool> shares_mounts;  // "/" is a shared mount; absent: it is not told
  // The network namespace of Podman 4's rootless networks when the slirp4netns that served it has ended:
  // until it is removed, no container on a network starts. Empty: there is none such.
  std::string dead_rootless_network;
  bool systemd = false;                   // it runs the machine
  bool lingers = false;                   // systemd keeps the user's services without a login
  std::optional<bool> selinux_enforcing;  // absent: no SELinux
};

// Where to look.
struct HostPlace {
  std::string root;  // empty: this machine; else a folder that stands for its "/"
  std::uint32_t uid = 0;
  std::string user;
  std::string runtime_folder;  // of the user: $XDG_RUNTIME_DIR
  std::vector<std::string> program_folders;
  // The first line of what a program says of its version; empty when it says nothing.
  std::function<std::string(const std::string& path)> ask_version;
};

// This machine, for the user of this process. Programs are looked for in $PATH, where system programs are,
// and where Podman keeps its helpers.
HostPlace this_host();

// Never throws for what is not there. `programs` are names.
HostFacts read_host_facts(const HostPlace& place, const std::vector<std::string>& programs);

}  // namespace drydock::runtime
