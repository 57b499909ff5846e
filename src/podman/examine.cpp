#include "podman/examine.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "runtime/defects.hpp"
#include "runtime/version.hpp"

namespace drydock::podman {
namespace {

using runtime::CgroupTree;
using runtime::EngineInfo;
using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;
using runtime::HostFacts;
using runtime::Version;

// The sidecar is user 65534 in its container: 0 is the user, the others are subordinate ids.
constexpr std::uint64_t least_ids = 65534;
constexpr const char* usual_range = "100000-165535";

Finding ok(std::string id, std::string what) {
  return {std::move(id), FindingStatus::ok, std::move(what), "", true};
}
Finding problem(std::string id, std::string what, std::string fix) {
  return {std::move(id), FindingStatus::problem, std::move(what), std::move(fix), false};
}
Finding warning(std::string id, std::string what, std::string fix) {
  return {std::move(id), FindingStatus::warning, std::move(what), std::move(fix), false};
}

const std::vector<runtime::Defect>& own_defects() {
  static const std::vector<runtime::Defect> defects{
      {"names leave internal networks",
       "aardvark-dns",
       {{{{1, 0}}, {{1, 11}}}},
       "a container on one can ask any name server through it",
       "its networks have no name service"},
      {"CVE-2025-8283",
       "netavark",
       {{{{1, 0}}, {{1, 15, 1}}}},
       "a name of the outside can stand in for a container's",
       "the sidecar is reached by its address"},
      {"CVE-2026-94603",
       "podman",
       {{{{1, 0}}, {{6, 1, 3}}}},
       "an annotation of an image switches its isolation off",
       "images that carry it are refused"},
      {"CVE-2026-123876",
       "podman",
       {{{{1, 0}}, {{6, 2}}}},
       "sockets that its seccomp profile is to refuse can be made",
       ""},
      {"CVE-2026-111361",
       "podman",
       {{{{1, 0}}, {{6, 2}}}},
       "an image may pass for one of another digest",
       ""},
  };
  return defects;
}

Finding judge_ids(const HostFacts& host, bool group) {
  const auto& count = group ? host.subordinate_gids : host.subordinate_uids;
  const std::string id = group ? "subgid" : "subuid";
  const std::string file = "/etc/" + id;
  if (!count) {
    return {
        id, FindingStatus::not_checked,
        "subordinate ids of " + host.user + ": " + file + " cannot be read, or nsswitch.conf sends elsewhere",
        "", true};
  }
  const std::string fix = std::string("sudo usermod ") + (group ? "--add-subgids " : "--add-subuids ") +
                          usual_range + " " + host.user +
                          " && podman system migrate (a range that nobody has)";
  if (*count == 0) return problem(id, host.user + " has no range of ids in " + file, fix);
  if (*count < least_ids) {
    return problem(id,
                   host.user + " has " + std::to_string(*count) + " ids in " + file +
                       ", and a session needs " + std::to_string(least_ids),
                   fix);
  }
  return ok(id, host.user + " has " + std::to_string(*count) + " ids in " + file);
}

Finding judge_map_program(const HostFacts& host, const std::string& name) {
  const auto found = host.programs.find(name);
  if (found == host.programs.end()) return problem(name, name + " is not installed", "apt install uidmap");
  if (!found->second.privileged) {
    return problem(name, found->second.path + " is not set-user-ID root and has no file capability",
                   "sudo chmod u+s " + found->second.path + " (or: apt install --reinstall uidmap)");
  }
  return ok(name, found->second.path + " may map ids");
}

Findings judge_user_namespaces(const HostFacts& host) {
  Findings findings;
  if (host.max_user_namespaces == 0) {
    findings.push_back(problem("userns",
                               "the kernel allows no user namespaces (user.max_user_namespaces is 0)",
                               "sudo sysctl user.max_user_namespaces=28633"));
  } else if (host.unprivileged_userns_clone == 0) {
    findings.push_back(
        problem("userns",
                "the kernel lets only root make user namespaces (kernel.unprivileged_userns_clone "
                "is 0)",
                "sudo sysctl kernel.unprivileged_userns_clone=1"));
  } else if (!host.max_user_namespaces) {
    findings.push_back({"userns", FindingStatus::not_checked,
                        "user namespaces: this kernel does not tell user.max_user_namespaces", "", true});
  } else {
    findings.push_back(ok("userns", "user namespaces are allowed"));
  }
  if (host.apparmor_restricts_userns.value_or(0) == 0) return findings;
  const auto& profiles = host.apparmor_profiles;
  if (std::find(profiles.begin(), profiles.end(), "podman") != profiles.end()) {
    findings.push_back(ok("apparmor", "AppArmor restricts user namespaces, and Podman has a profile"));
  } else {
    findings.push_back(warning(
        "apparmor",
        "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns), "
        "and Podman has no profile in /etc/apparmor.d",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give Podman a profile with userns"));
  }
  return findings;
}

Finding judge_tun(const HostFacts& host) {
  if (host.tun_failure.empty()) return ok("tun", "/dev/net/tun can be opened");
  return problem("tun", "/dev/net/tun cannot be opened: " + host.tun_failure,
                 "sudo modprobe tun; sudo chmod 666 /dev/net/tun");
}

Finding judge_network_program(const HostFacts& host, const EngineInfo* info) {
  const auto there = [&](const std::string& name) {
    return host.programs.count(name) != 0 || (info != nullptr && info->components.count(name) != 0);
  };
  if (info == nullptr) {
    if (there("pasta") || there("slirp4netns")) return ok("network-program", "pasta or slirp4netns is there");
    return problem("network-program", "neither pasta nor slirp4netns is installed",
                   "apt install slirp4netns (Podman 4) or passt (Podman 5)");
  }
  // Podman 4 has no choice for networks, only for containers without one.
  const std::string name = info->rootless_network.empty() ? "slirp4netns" : info->rootless_network;
  if (there(name)) return ok("network-program", "networks go through " + name);
  return problem("network-program", "Podman's networks go through " + name + ", which is not installed",
                 "apt install " + std::string(name == "pasta" ? "passt" : name));
}

std::string component(const EngineInfo& info, const std::string& name) {
  const auto found = info.components.find(name);
  return found == info.components.end() ? std::string() : found->second;
}

// crun 1.8 was measured to refuse; later ones were not measured.
Finding judge_cgroups(const HostFacts& host, const EngineInfo* info) {
  const std::string fix =
      "boot with systemd.unified_cgroup_hierarchy=1, or set runtime = \"runc\" in containers.conf";
  if (host.cgroups == CgroupTree::hybrid) {
    const std::string what = "control groups are hybrid (version 2 beside version 1)";
    if (info == nullptr || info->oci_runtime == "crun") {
      const auto crun = info == nullptr ? std::nullopt : Version::find_in(component(*info, "crun"));
      if (crun && *crun < Version{{1, 9}})
        return problem("cgroups", what + ", which crun " + crun->to_string() + " refuses", fix);
      return warning("cgroups", what + ", which crun up to 1.8 refuses", fix);
    }
    return {"cgroups", FindingStatus::note, what, "", true};
  }
  if (host.cgroups == CgroupTree::none) {
    return {"cgroups", FindingStatus::not_checked, "control groups: none are mounted on /sys/fs/cgroup", "",
            true};
  }
  return ok("cgroups",
            host.cgroups == CgroupTree::v2 ? "control groups are version 2" : "control groups are version 1");
}

std::string limits_fix(const HostFacts& host, const EngineInfo& info) {
  if (info.rootless && info.cgroup_version != "v2") return "boot with systemd.unified_cgroup_hierarchy=1";
  if (info.rootless && host.systemd) {
    return "write [Service] and Delegate=cpu cpuset io memory pids into "
           "/etc/systemd/system/user@.service.d/delegate.conf, then log in again";
  }
  return "have the machine hand these controllers to " + (info.rootless ? host.user : "root") +
         "'s control group";
}

Finding judge_limits(const HostFacts& host, const EngineInfo& info) {
  std::vector<std::string> missing;
  if (!info.enforces_memory) missing.emplace_back("memory");
  if (!info.enforces_cpus) missing.emplace_back("CPUs");
  if (!info.enforces_pids) missing.emplace_back("processes");
  if (missing.empty()) return ok("limits", "limits on memory, CPUs and processes are enforced");
  return warning("limits", "limits are not enforced here: " + join(missing, ", "), limits_fix(host, info));
}

// An agent's container has the engine's init as its first process.
Finding judge_init(const HostFacts& host) {
  const auto found = host.programs.find("catatonit");
  if (found != host.programs.end()) return ok("init", "the init of containers is " + found->second.path);
  return problem("init", "catatonit, the init of Podman's containers, is not installed",
                 "apt install catatonit");
}

void judge_rootless(const HostFacts& host, const EngineInfo* info, Findings& findings) {
  findings.push_back(judge_ids(host, false));
  findings.push_back(judge_ids(host, true));
  findings.push_back(judge_map_program(host, "newuidmap"));
  findings.push_back(judge_map_program(host, "newgidmap"));
  for (Finding& finding : judge_user_namespaces(host)) findings.push_back(std::move(finding));
  findings.push_back(judge_tun(host));
  findings.push_back(judge_network_program(host, info));
  if (!host.dead_rootless_network.empty()) {
    findings.push_back(
        problem("rootless-network",
                "the program that joins Podman's networks to the machine's has ended and left its "
                "namespace: no container starts on a network",
                "end your containers, then: rm " + host.dead_rootless_network));
  }
  if (host.shares_mounts == false) {
    findings.push_back(warning("mounts", "/ is not a shared mount: mounts can be missing in containers",
                               "sudo mount --make-rshared /"));
  }
  if (host.systemd && !host.lingers) {
    findings.push_back({"lingering", FindingStatus::note,
                        "lingering is off: sessions left running end some time after the last logout",
                        "loginctl enable-linger " + host.user, true});
  }
}

void judge_info(const HostFacts& host, const EngineInfo& info, Findings& findings) {
  findings.push_back(judge_limits(host, info));
  if (!info.network_backend.empty() && info.network_backend != "cni")
    findings.push_back(ok("network-backend", "the network backend is " + info.network_backend));
  if (info.storage_driver == "vfs") {
    findings.push_back(
        warning("storage", "the storage driver is vfs: each container is a whole copy of its image, and slow",
                "set driver = \"overlay\" in storage.conf (before Linux 5.13 with fuse-overlayfs), "
                "then: podman system reset (which removes all containers and images)"));
  } else {
    findings.push_back(ok("storage", "the storage driver is " + info.storage_driver));
  }
  if (info.selinux) {
    findings.push_back({"selinux", FindingStatus::not_checked,
                        "SELinux is on: whether its label lets a session into the project is seen only there",
                        "if it does not: chcon -R -t container_file_t FOLDER", false});
  }
  // Before 4.8 Podman does not tell of its network's programs, and pasta's own words do not get through.
  auto components = info.components;
  for (const auto& [name, program] : host.programs) {
    if (program.version.empty()) continue;
    std::string& version = components[name];
    if (version.empty()) version = program.version;
  }
  findings.push_back(ok("parts", "it is made of " + runtime::describe(components)));
  auto defects = own_defects();
  const auto& shared = runtime::oci_runtime_defects();
  defects.insert(defects.end(), shared.begin(), shared.end());
  for (Finding& finding : runtime::judge_defects(defects, components)) findings.push_back(std::move(finding));
}

}  // namespace

std::vector<std::string> examined_programs() {
  return {"newuidmap", "newgidmap", "pasta", "slirp4netns", "netavark", "aardvark-dns", "catatonit"};
}

Findings examine(const HostFacts& host, const EngineInfo* info) {
  Findings findings;
  const bool rootless = info != nullptr ? info->rootless : host.uid != 0;
  if (rootless) judge_rootless(host, info, findings);
  findings.push_back(judge_init(host));
  findings.push_back(judge_cgroups(host, info));
  if (info != nullptr) judge_info(host, *info, findings);
  return findings;
}

}  // namespace drydock::podman
