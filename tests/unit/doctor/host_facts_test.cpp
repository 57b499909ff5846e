#include "runtime/host_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "machine.hpp"

namespace drydock::runtime {
namespace {

using testing::ElementsAre;

class Facts : public testing::Test {
 protected:
  HostFacts read() const { return read_host_facts(machine.place(), {"newuidmap", "netavark", "none"}); }
  test::Machine machine;
};

TEST_F(Facts, OfASoundMachine) {
  const HostFacts facts = read();
  EXPECT_EQ(facts.subordinate_uids, 65536U);
  EXPECT_EQ(facts.subordinate_gids, 65536U) << "by number";
  EXPECT_EQ(facts.tun_failure, "");
  EXPECT_EQ(facts.max_user_namespaces, 96365);
  EXPECT_FALSE(facts.unprivileged_userns_clone);
  EXPECT_EQ(facts.cgroups, CgroupTree::v2);
  EXPECT_EQ(facts.shares_mounts, true);
  EXPECT_FALSE(facts.systemd);
  EXPECT_FALSE(facts.selinux_enforcing);
  ASSERT_EQ(facts.programs.size(), 2U);
  EXPECT_EQ(facts.programs.at("netavark").path, "/usr/lib/podman/netavark");
  EXPECT_EQ(facts.programs.at("netavark").version, "version 1.15.2");
}

TEST_F(Facts, OfAnEmptyMachine) {
  machine.remove("/");
  const HostFacts facts = read();
  EXPECT_EQ(facts.subordinate_uids, 0U);
  EXPECT_EQ(facts.tun_failure, "No such file or directory");
  EXPECT_FALSE(facts.max_user_namespaces);
  EXPECT_FALSE(facts.filters_bridges);
  EXPECT_FALSE(facts.shares_mounts);
  EXPECT_EQ(facts.cgroups, CgroupTree::none);
  EXPECT_TRUE(facts.programs.empty());
}

TEST_F(Facts, SubordinateIdsAreAddedUp) {
  machine.write("/etc/subuid", "dev:1000:10\nnonsense\ndev:x:5\ndev:7\n1000:5000:7\nother:1:1\n");
  EXPECT_EQ(read().subordinate_uids, 17U);
  machine.write("/etc/nsswitch.conf", "passwd: files\nsubid: sss # not in files\n");
  EXPECT_FALSE(read().subordinate_uids) << "somebody else has the answer";
  machine.write("/etc/nsswitch.conf", "subid: files\n");
  EXPECT_EQ(read().subordinate_uids, 17U);
  machine.remove("/etc/subuid");
  machine.write("/etc/subuid/none", "");
  EXPECT_FALSE(read().subordinate_uids) << "it cannot be read";
}

TEST_F(Facts, WhoIsSetUserIdRoot) {
  EXPECT_FALSE(read().programs.at("newuidmap").privileged);
  ASSERT_EQ(::chmod((machine.root() + "/usr/bin/newuidmap").c_str(), 04755), 0);
  const HostProgram program = read().programs.at("newuidmap");
  EXPECT_EQ(program.privileged, ::geteuid() == 0) << "of the one who made it, root or not";
  EXPECT_EQ(program.version.empty(), program.privileged) << "what runs as root is not run";
}

TEST_F(Facts, CgroupTrees) {
  machine.make_hybrid();
  EXPECT_EQ(read().cgroups, CgroupTree::hybrid);
  machine.remove("/sys/fs/cgroup/unified");
  EXPECT_EQ(read().cgroups, CgroupTree::v1);
}

TEST_F(Facts, TheLastMountOfSeveralCounts) {
  machine.write("/proc/self/mountinfo",
                "1 0 0:1 / / rw shared:1 - rootfs none rw\n2 1 8:1 / / rw master:3 - ext4 /dev/sda rw\n"
                "3 2 0:2 / /run rw shared:5 - tmpfs none rw\n");
  EXPECT_EQ(read().shares_mounts, false);
}

TEST_F(Facts, ARootlessNetworkWhoseProgramHasEnded) {
  const std::string ns = "/run/user/1000/netns/rootless-netns-0b57";
  EXPECT_EQ(read().dead_rootless_network, "");
  machine.write(ns, "");
  machine.write("/run/user/1000/netns/netns-1", "");
  EXPECT_EQ(read().dead_rootless_network, "") << "nothing says who serves it";
  machine.write("/run/user/1000/libpod/tmp/rootless-netns/rootless-netns-slirp4netns.pid", "434");
  EXPECT_EQ(read().dead_rootless_network, ns);
  machine.write("/proc/434/comm", "slirp4netns\n");
  EXPECT_EQ(read().dead_rootless_network, "") << "it runs";
  machine.write("/proc/434/comm", "bash\n");
  EXPECT_EQ(read().dead_rootless_network, ns) << "another has its number";
}

TEST_F(Facts, WhetherBridgesAreFiltered) {
  machine.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
  EXPECT_EQ(read().filters_bridges, 1);
  machine.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
  EXPECT_EQ(read().filters_bridges, 0);
}

TEST_F(Facts, WhatRunsTheMachine) {
  machine.write("/run/systemd/system/x", "");
  machine.write("/var/lib/systemd/linger/dev", "");
  machine.write("/sys/fs/selinux/enforce", "0");
  machine.write("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
  machine.write("/etc/apparmor.d/podman", "");
  machine.write("/etc/apparmor.d/crun", "");
  const HostFacts facts = read();
  EXPECT_TRUE(facts.systemd);
  EXPECT_TRUE(facts.lingers);
  EXPECT_EQ(facts.selinux_enforcing, false);
  EXPECT_EQ(facts.apparmor_restricts_userns, 1);
  EXPECT_THAT(facts.apparmor_profiles, ElementsAre("crun", "podman"));
}

}  // namespace
}  // namespace drydock::runtime
