// What each engine makes of a machine and of itself, one thing broken at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "docker/examine.hpp"
#include "machine.hpp"
#include "podman/examine.hpp"

namespace drydock {
namespace {

using runtime::EngineInfo;
using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;
using runtime::HostFacts;
using testing::HasSubstr;

HostFacts sound_host() {
  const test::Machine machine;
  HostFacts host = read_host_facts(machine.place(), podman::examined_programs());
  for (const char* name : {"newuidmap", "newgidmap"}) host.programs.at(name).privileged = true;
  return host;
}

EngineInfo sound_podman() {
  EngineInfo info;
  info.engine = "podman";
  info.version = "4.3.1";
  info.rootless = info.seccomp = true;
  info.oci_runtime = "crun";
  info.storage_driver = "overlay";
  info.cgroup_version = "v2";
  info.network_backend = "netavark";
  info.enforces_memory = info.enforces_cpus = info.enforces_pids = true;
  info.components = {{"podman", "6.2.0"}, {"crun", "crun version 1.30"}, {"slirp4netns", "1.2.0"}};
  return info;
}

EngineInfo sound_docker() {
  EngineInfo info = sound_podman();
  info.engine = "docker";
  info.version = "28.5.0";
  info.rootless = false;
  info.storage_driver = "overlay2";
  info.network_backend.clear();
  info.filters_bridges = true;
  info.components = {{"docker", "29.8.2"}, {"runc", "v1.3.6-0-gabc"}};
  return info;
}

std::string all_but_ok(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    if (finding.status == FindingStatus::ok) continue;
    text += std::string(to_string(finding.status)) + " " + finding.id + ": " + finding.what + "\n";
  }
  return text;
}

struct Break {
  std::string id;
  FindingStatus status;
  std::string what;
  std::string fix;
  std::function<void(HostFacts&, EngineInfo&)> make;
};

void expect_told(const Findings& findings, const Break& broken) {
  int told = 0;
  for (const Finding& finding : findings) {
    if (finding.status == FindingStatus::ok) continue;
    // What is asked about is an old version, which has its defects as well.
    if (finding.id == "defects" && broken.id == "cgroups") continue;
    if (finding.id != broken.id) {
      ADD_FAILURE() << broken.what << ": also told " << finding.id << ": " << finding.what;
      continue;
    }
    // A version may have more than one of them.
    if (broken.id == "defects" && finding.what.find(broken.what) == std::string::npos) continue;
    ++told;
    EXPECT_EQ(finding.status, broken.status) << finding.what;
    EXPECT_THAT(finding.what, HasSubstr(broken.what));
    EXPECT_THAT(finding.fix, HasSubstr(broken.fix));
    if (finding.status == FindingStatus::problem || finding.status == FindingStatus::warning) {
      EXPECT_FALSE(finding.fix.empty()) << finding.what;
    }
  }
  EXPECT_EQ(told, 1) << broken.id << " " << broken.what << "\n" << all_but_ok(findings);
}

TEST(Examine, ASoundSetUpHasNothingToMend) {
  const EngineInfo podman = sound_podman();
  EXPECT_EQ(all_but_ok(podman::examine(sound_host(), &podman)), "");
  EXPECT_EQ(all_but_ok(podman::examine(sound_host(), nullptr)), "");
  const EngineInfo docker = sound_docker();
  EXPECT_EQ(all_but_ok(docker::examine(sound_host(), &docker)), "");
  EXPECT_EQ(all_but_ok(docker::examine(sound_host(), nullptr)), "");
}

TEST(Examine, EachThingThatRootlessPodmanLacksIsTold) {
  constexpr auto problem = FindingStatus::problem;
  constexpr auto warning = FindingStatus::warning;
  constexpr auto not_checked = FindingStatus::not_checked;
  const std::vector<Break> breaks{
      {"subuid", problem, "dev has no range of ids in /etc/subuid", "usermod --add-subuids 100000-165535 dev",
       [](auto& host, auto&) { host.subordinate_uids = 0; }},
      {"subgid", problem, "dev has no range of ids in /etc/subgid", "usermod --add-subgids 100000-165535 dev",
       [](auto& host, auto&) { host.subordinate_gids = 0; }},
      {"subuid", problem, "dev has 1000 ids", "--add-subuids",
       [](auto& host, auto&) { host.subordinate_uids = 1000; }},
      {"subuid", not_checked, "cannot be read", "", [](auto& host, auto&) { host.subordinate_uids.reset(); }},
      {"newuidmap", problem, "newuidmap is not installed", "apt install uidmap",
       [](auto& host, auto&) { host.programs.erase("newuidmap"); }},
      {"newgidmap", problem, "is not set-user-ID root", "chmod u+s /usr/bin/newgidmap",
       [](auto& host, auto&) { host.programs.at("newgidmap").privileged = false; }},
      {"userns", problem, "user.max_user_namespaces is 0",
       "sysctl user.max_user_namespaces=", [](auto& host, auto&) { host.max_user_namespaces = 0; }},
      {"userns", problem, "only root", "sysctl kernel.unprivileged_userns_clone=1",
       [](auto& host, auto&) { host.unprivileged_userns_clone = 0; }},
      {"userns", not_checked, "does not tell", "",
       [](auto& host, auto&) { host.max_user_namespaces.reset(); }},
      {"apparmor", warning, "Podman has no profile", "kernel.apparmor_restrict_unprivileged_userns=0",
       [](auto& host, auto&) { host.apparmor_restricts_userns = 1; }},
      {"tun", problem, "/dev/net/tun cannot be opened: No such", "modprobe tun",
       [](auto& host, auto&) { host.tun_failure = "No such file or directory"; }},
      {"network-program", problem, "slirp4netns, which is not installed", "apt install slirp4netns",
       [](auto& host, auto& info) {
         host.programs.erase("slirp4netns");
         info.components.erase("slirp4netns");
       }},
      {"network-program", problem, "pasta, which is not installed", "apt install passt",
       [](auto&, auto& info) { info.rootless_network = "pasta"; }},
      {"init", problem, "catatonit", "apt install catatonit",
       [](auto& host, auto&) { host.programs.erase("catatonit"); }},
      {"rootless-network", problem, "left its namespace", "rm /run/user/1000/netns/rootless-netns-1",
       [](auto& host, auto&) { host.dead_rootless_network = "/run/user/1000/netns/rootless-netns-1"; }},
      {"mounts", warning, "/ is not a shared mount", "mount --make-rshared /",
       [](auto& host, auto&) { host.shares_mounts = false; }},
      {"lingering", FindingStatus::note, "lingering is off", "loginctl enable-linger dev",
       [](auto& host, auto&) { host.systemd = true; }},
      {"cgroups", problem, "crun 1.8.1 refuses", "systemd.unified_cgroup_hierarchy=1",
       [](auto& host, auto& info) {
         host.cgroups = runtime::CgroupTree::hybrid;
         info.components["crun"] = "crun version 1.8.1\ncommit: f8a0";
       }},
      {"cgroups", warning, "crun up to 1.8 refuses", "systemd.unified_cgroup_hierarchy=1",
       [](auto& host, auto&) { host.cgroups = runtime::CgroupTree::hybrid; }},
      {"cgroups", FindingStatus::note, "hybrid", "",
       [](auto& host, auto& info) {
         host.cgroups = runtime::CgroupTree::hybrid;
         info.oci_runtime = "runc";
       }},
      {"cgroups", not_checked, "none are mounted", "",
       [](auto& host, auto&) { host.cgroups = runtime::CgroupTree::none; }},
      {"limits", warning, "memory, processes", "hand these controllers to dev's",
       [](auto&, auto& info) { info.enforces_memory = info.enforces_pids = false; }},
      {"limits", warning, "CPUs", "boot with systemd.unified_cgroup_hierarchy=1",
       [](auto&, auto& info) {
         info.enforces_cpus = false;
         info.cgroup_version = "v1";
       }},
      {"storage", warning, "vfs", "driver = \"overlay\"",
       [](auto&, auto& info) { info.storage_driver = "vfs"; }},
      {"selinux", not_checked, "SELinux is on", "chcon", [](auto&, auto& info) { info.selinux = true; }},
      {"defects", FindingStatus::note, "netavark 1.4.0: CVE-2025-8283", "upgrade netavark to 1.15.1",
       [](auto& host, auto&) { host.programs.at("netavark").version = "netavark 1.4.0"; }},
      {"defects", FindingStatus::note, "aardvark-dns 1.4.0", "upgrade aardvark-dns to 1.11",
       [](auto&, auto& info) { info.components["aardvark-dns"] = "aardvark-dns 1.4.0"; }},
      {"defects", FindingStatus::note, "podman 4.3.1: CVE-2026-94603", "upgrade podman to 6.1.3",
       [](auto&, auto& info) { info.components["podman"] = "4.3.1"; }},
      {"defects", warning, "podman 6.1.3 has known defects by its version: CVE-2026-123876",
       "upgrade podman to 6.2 or newer", [](auto&, auto& info) { info.components["podman"] = "6.1.3"; }},
      {"defects", warning, "crun 1.21 has known defects", "upgrade crun to 1.30",
       [](auto&, auto& info) { info.components["crun"] = "crun version 1.21"; }},
      {"defects", warning, "runc 1.1.5 has known defects", "upgrade runc to 1.3.6, 1.4.3 or newer",
       [](auto&, auto& info) { info.components["runc"] = "runc version 1.1.5"; }},
      {"defects", not_checked, "runc", "", [](auto&, auto& info) { info.components["runc"] = "devel"; }},
  };
  for (const Break& broken : breaks) {
    HostFacts host = sound_host();
    EngineInfo info = sound_podman();
    broken.make(host, info);
    expect_told(podman::examine(host, &info), broken);
  }
}

TEST(Examine, APodmanThatDoesNotAnswerIsJudgedByItsMachine) {
  HostFacts host = sound_host();
  host.subordinate_uids = 0;
  host.programs.erase("slirp4netns");
  const std::string told = all_but_ok(podman::examine(host, nullptr));
  EXPECT_THAT(told, HasSubstr("problem subuid"));
  EXPECT_THAT(told, HasSubstr("problem network-program: neither pasta nor slirp4netns"));
}

TEST(Examine, RootfulPodmanNeedsNothingOfRootless) {
  HostFacts host;  // a machine with nothing
  host.uid = 0;
  host.programs["catatonit"].path = "/usr/bin/catatonit";
  host.cgroups = runtime::CgroupTree::v2;
  host.tun_failure = "No such file or directory";
  EngineInfo info = sound_podman();
  info.rootless = false;
  EXPECT_EQ(all_but_ok(podman::examine(host, &info)), "");
  EXPECT_EQ(all_but_ok(podman::examine(host, nullptr)), "");
}

TEST(Examine, EachThingThatDockerLacksIsTold) {
  constexpr auto warning = FindingStatus::warning;
  const std::vector<Break> breaks{
      {"bridges", warning, "enable_icc=false has no effect", "modprobe br_netfilter",
       [](auto&, auto& info) { info.filters_bridges = false; }},
      // A Docker that does not tell: the kernel is asked.
      {"bridges", warning, "bridge-nf-call-iptables is 0", "sudo sysctl net.bridge.bridge-nf-call-iptables=1",
       [](auto& host, auto& info) {
         host.filters_bridges = 0;
         info.filters_bridges.reset();
       }},
      {"bridges", FindingStatus::not_checked, "this Docker does not tell, and the kernel has no", "",
       [](auto&, auto& info) { info.filters_bridges.reset(); }},
      {"bridges", FindingStatus::not_checked, "a network namespace of its own", "",
       [](auto& host, auto& info) {
         host.filters_bridges = 1;
         info.filters_bridges.reset();
         info.rootless = true;
       }},
      {"limits", warning, "not enforced here: memory", "cgroup_enable=memory",
       [](auto&, auto& info) { info.enforces_memory = false; }},
      {"storage", warning, "vfs", "overlay2", [](auto&, auto& info) { info.storage_driver = "vfs"; }},
      {"selinux", FindingStatus::not_checked, "SELinux is on", "chcon",
       [](auto&, auto& info) { info.selinux = true; }},
      {"engine-warning", FindingStatus::note, "No swap limit support", "",
       [](auto&, auto& info) { info.warnings = {"WARNING: No swap limit support"}; }},
      {"defects", FindingStatus::note, "docker 20.10.24: CVE-2024-29018", "upgrade docker to 23.0.11, 25.0.5",
       [](auto&, auto& info) { info.components["docker"] = "20.10.24+dfsg1"; }},
      {"defects", FindingStatus::note, "docker 27.0.0: CVE-2025-54410", "upgrade docker to 25.0.13, 28",
       [](auto&, auto& info) { info.components["docker"] = "27.0.0"; }},
      {"defects", warning, "docker 28.5.0 has known defects by its version: CVE-2026-92543",
       "upgrade docker to 29.8.2", [](auto&, auto& info) { info.components["docker"] = "28.5.0"; }},
      {"defects", FindingStatus::note, "docker 26.0.1: CVE-2024-32473", "upgrade docker to 26.0.2",
       [](auto&, auto& info) { info.components["docker"] = "26.0.1"; }},
      {"defects", warning, "runc 1.1.5 has known defects", "upgrade runc",
       [](auto&, auto& info) { info.components["runc"] = "1.1.5+ds1-1+deb12u1"; }},
  };
  for (const Break& broken : breaks) {
    HostFacts host = sound_host();
    EngineInfo info = sound_docker();
    broken.make(host, info);
    expect_told(docker::examine(host, &info), broken);
  }
}

TEST(Examine, AKernelThatFiltersBridgesIsEnoughWhereDockerDoesNotTell) {
  HostFacts host = sound_host();
  EngineInfo info = sound_docker();
  host.filters_bridges = 1;
  info.filters_bridges.reset();
  EXPECT_EQ(all_but_ok(docker::examine(host, &info)), "");
}

}  // namespace
}  // namespace drydock
