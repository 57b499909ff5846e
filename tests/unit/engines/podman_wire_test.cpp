#include "podman/wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "base/temp_file.hpp"
#include "core/verify.hpp"
#include "fake_daemon.hpp"
#include "podman/podman_engine.hpp"
#include "recorded.hpp"

namespace drydock::podman {
namespace {

using test::golden;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* ping =
    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\nContent-Length: 2\r\n\r\nOK";

runtime::EngineInfo rootless() {
  runtime::EngineInfo info;
  info.engine = "podman";
  info.rootless = true;
  info.enforces_pids = true;
  return info;
}

// The agent's inspect, with its OCI specification where the engine said that it is.
class RecordedAgent : public testing::Test {
 protected:
  RecordedAgent() : json(golden("podman/agent.json")), oci(golden("podman/oci.json")) {}
  runtime::ContainerReport report() {
    std::ofstream(file.path()) << oci.dump();
    json["OCIConfigPath"] = file.path();
    return to_container_report(json);
  }
  TempFile file;
  Json json;
  Json oci;
};

TEST(PodmanWire, ASpecWithEverythingInIt) {
  Json body = to_create_body(test::full_spec(), rootless());
  // Which others there are to drop is up to the kernel.
  const auto dropped = strings_or_empty(body, "cap_drop");
  body.erase("cap_drop");
  test::expect_golden("podman/create.json", body);
  for (const char* name :
       {"SYS_ADMIN", "NET_RAW", "NET_ADMIN", "DAC_OVERRIDE", "SETPCAP", "MKNOD", "AUDIT_WRITE"}) {
    EXPECT_THAT(dropped, testing::Contains(name));
  }
  EXPECT_THAT(dropped, testing::Not(testing::AnyOf(testing::Contains("CHOWN"), testing::Contains("SETUID"))));
  EXPECT_FALSE(body.contains("cap_add")) << "it would make them ambient";
}

TEST(PodmanWire, ASpecWithNothingInIt) {
  const Json body = to_create_body({}, rootless());
  EXPECT_EQ(body["netns"]["nsmode"], "none") << "no network is none, never the default one";
  EXPECT_EQ(body["cap_drop"], Json({"ALL"}));
  EXPECT_FALSE(body.contains("cap_add"));
  EXPECT_EQ(body["no_new_privileges"], true);
  EXPECT_EQ(body["httpproxy"], false) << "else the host's proxy variables are copied in";
  EXPECT_EQ(body["image_volume_mode"], "ignore");
  EXPECT_EQ(body["entrypoint"], Json({""})) << "an image's own never applies";
  EXPECT_EQ(body["resource_limits"], Json::object());
  for (const char* name : {"userns", "groups", "hostadd", "dns_server", "Networks"})
    EXPECT_FALSE(body.contains(name));
}

TEST(PodmanWire, KeepsTheInvokersIdsWhereTheEngineIsRootless) {
  runtime::EngineInfo info = rootless();
  EXPECT_EQ(to_create_body(test::full_spec(), info)["userns"]["nsmode"], "keep-id");
  info.rootless = false;
  EXPECT_FALSE(to_create_body(test::full_spec(), info).contains("userns"));
  runtime::ContainerSpec sidecar = test::full_spec();
  sidecar.user_mapping = runtime::UserMapping::engine_default;
  EXPECT_FALSE(to_create_body(sidecar, rootless()).contains("userns"));
}

TEST(PodmanWire, TakesTheDefaultProcessLimitAwayWhereItWouldFailTheStart) {
  runtime::EngineInfo info = rootless();
  info.enforces_pids = false;
  EXPECT_EQ(to_create_body({}, info)["resource_limits"]["pids"]["limit"], 0);
}

// The limits that a rootful engine is asked for by a process that may have no more than 100 descriptors.
Json rootful_limits() {
  const rlimit low{100, 100};
  ::setrlimit(RLIMIT_NOFILE, &low);
  runtime::ContainerSpec spec;
  spec.no_core_files = true;
  runtime::EngineInfo info = rootless();
  info.rootless = false;
  return to_create_body(spec, info)["r_limits"];
}

TEST(PodmanWire, WithoutCoreFilesARootfulEngineRaisesNoOtherLimit) {
  const Json core{{"type", "core"}, {"soft", 0}, {"hard", 0}};
  const Json files{{"type", "nofile"}, {"soft", 100}, {"hard", 100}};
  runtime::ContainerSpec spec;
  spec.no_core_files = true;
  EXPECT_EQ(to_create_body(spec, rootless())["r_limits"], Json::array({core}));
  const auto is_sound = [&](const Json& limits) {
    return limits.size() == 3 && limits[0] == core && limits[1] == files && limits[2]["type"] == "nproc" &&
           limits[2]["hard"] <= 1048576;
  };
  // A limit that was lowered stays low: not in this process.
  EXPECT_EXIT(std::exit(is_sound(rootful_limits()) ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST(PodmanWire, TheHostsNetworkExcludesOthers) {
  runtime::ContainerSpec spec = test::full_spec();
  spec.host_network = true;
  const Json body = to_create_body(spec, rootless());
  EXPECT_EQ(body["netns"]["nsmode"], "host");
  EXPECT_FALSE(body.contains("Networks"));
}

TEST_F(RecordedAgent, IsRead) {
  const runtime::ContainerReport read = report();
  EXPECT_EQ(read.name.substr(0, 13), "drydock-demo-");
  EXPECT_EQ(read.state, runtime::ContainerState::running);
  EXPECT_GT(read.pid, 0);
  EXPECT_EQ(read.labels.at("io.drydock.role"), "agent");
  EXPECT_EQ(read.user, "1000:1000");
  EXPECT_EQ(read.workdir, "/home/dev/demo");
  EXPECT_EQ(read.environment.at("GREETING"), "hello");
  EXPECT_THAT(read.bounding_capabilities, ElementsAre("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"));
  EXPECT_THAT(read.process_capabilities, IsEmpty());
  EXPECT_TRUE(read.no_new_privileges);
  EXPECT_FALSE(read.seccomp_unconfined);
  EXPECT_FALSE(read.privileged);
  EXPECT_FALSE(read.read_only_root);
  EXPECT_TRUE(read.init);
  ASSERT_EQ(read.binds.size(), 2U);
  EXPECT_EQ(read.binds[0], (runtime::BindMount{"/home/dev/demo", "/home/dev/demo", false}));
  EXPECT_EQ(read.binds[1].target, "/etc/hosts");
  EXPECT_TRUE(read.binds[1].read_only);
  EXPECT_THAT(read.tmpfs_targets, ElementsAre("/home/agent", "/tmp"));
  EXPECT_THAT(read.volumes, IsEmpty());
  EXPECT_EQ(read.sysctls.at("net.ipv6.conf.all.disable_ipv6"), "1");
  EXPECT_FALSE(read.host_network);
  EXPECT_FALSE(read.host_pid);
  EXPECT_FALSE(read.host_ipc);
  EXPECT_FALSE(read.host_cgroups);
  ASSERT_EQ(read.networks.size(), 1U);
  EXPECT_EQ(read.networks[0].address.to_string().substr(0, 7), "10.231.");
  EXPECT_THAT(read.dns_servers, ElementsAre("127.0.0.1"));
  ASSERT_EQ(read.host_entries.size(), 4U);
  EXPECT_EQ(read.host_entries[1], (runtime::HostEntry{"host.containers.internal", "127.0.0.1"}));
}

TEST_F(RecordedAgent, IsAsItWasAskedFor) {
  test::FakeDaemon daemon({[](test::Peer& peer) {
    peer.read_request();
    peer.send(ping);
    for (const char* name : {"podman/info.json", "podman/internal.json", "podman/egress.json"}) {
      peer.read_request();
      peer.send(test::ok(test::golden_text(name)));
    }
  }});
  PodmanEngine engine(daemon.socket(), nullptr);
  const runtime::EngineInfo& info = engine.system().info();
  EXPECT_EQ(info.engine, "podman");
  EXPECT_EQ(info.version, "4.3.1");
  EXPECT_TRUE(info.rootless);
  EXPECT_EQ(info.oci_runtime, "crun");
  EXPECT_EQ(info.cgroup_version, "v2");
  EXPECT_FALSE(info.enforces_pids) << "the recording's machine has no controllers";
  const test::Asked asked = test::recorded_request("podman", info);
  EXPECT_THAT(core::differences(asked.agent, report(), true), IsEmpty());
  EXPECT_THAT(core::differences(asked.sidecar, to_container_report(golden("podman/sidecar.json")), true),
              IsEmpty());
  EXPECT_THAT(core::differences(asked.internal, engine.networks().inspect("x")), IsEmpty());
  EXPECT_THAT(core::differences(asked.egress, engine.networks().inspect("x")), IsEmpty());
}

TEST_F(RecordedAgent, WhatTheInspectLeavesOutComesFromTheOciSpecification) {
  EXPECT_FALSE(report().may_unshare);
  const Json seccomp = oci["linux"]["seccomp"];
  oci["linux"]["seccomp"]["syscalls"].push_back({{"names", {"unshare"}}, {"action", "SCMP_ACT_ALLOW"}});
  EXPECT_TRUE(report().may_unshare);
  oci["linux"]["seccomp"] = seccomp;
  oci["linux"]["seccomp"]["defaultAction"] = "SCMP_ACT_ALLOW";
  EXPECT_TRUE(report().may_unshare);
  oci["linux"].erase("seccomp");
  EXPECT_TRUE(report().seccomp_unconfined);
  EXPECT_TRUE(report().may_unshare);
  oci["process"]["noNewPrivileges"] = false;
  EXPECT_FALSE(report().no_new_privileges) << "that is what the container runs with";
  oci["linux"]["sysctl"]["net.ipv6.conf.all.disable_ipv6"] = "0";
  EXPECT_EQ(report().sysctls.at("net.ipv6.conf.all.disable_ipv6"), "0");
}

TEST_F(RecordedAgent, WithoutItsOciSpecificationSysctlsAreNotReported) {
  json["OCIConfigPath"] = "/nonexistent/config.json";
  const runtime::ContainerReport read = to_container_report(json);
  EXPECT_FALSE(read.reports_sysctls);
  EXPECT_TRUE(read.sysctls.empty());
}

TEST_F(RecordedAgent, SeesWhatWouldBeWrong) {
  const Json sound = json;
  const auto report_with = [&](const char* key, const Json& value) {
    json = sound;
    json["HostConfig"][key] = value;
    return report();
  };
  EXPECT_TRUE(report_with("Privileged", true).privileged);
  EXPECT_TRUE(report_with("NetworkMode", "host").host_network);
  EXPECT_TRUE(report_with("PidMode", "host").host_pid);
  EXPECT_TRUE(report_with("IpcMode", "host").host_ipc);
  EXPECT_TRUE(report_with("CgroupMode", "host").host_cgroups);
  EXPECT_FALSE(report_with("Ulimits", Json::array({{{"Name", "RLIMIT_NPROC"}, {"Soft", 0}, {"Hard", 0}}}))
                   .no_core_files);
  EXPECT_TRUE(report_with("Ulimits", Json::array({{{"Name", "RLIMIT_CORE"}, {"Soft", 0}, {"Hard", 0}}}))
                  .no_core_files);
  EXPECT_THAT(report_with("Dns", Json{"203.0.113.53"}).dns_servers, ElementsAre("203.0.113.53"));
  EXPECT_EQ(report_with("PidsLimit", 2048).limits.pids, 2048);
  json = sound;
  json["BoundingCaps"].push_back("CAP_NET_RAW");
  EXPECT_THAT(report().bounding_capabilities, testing::Contains("NET_RAW"));
  json = sound;
  json["Mounts"].push_back({{"Type", "volume"}, {"Destination", "/data"}});
  EXPECT_THAT(report().volumes, ElementsAre("/data"));
}

TEST_F(RecordedAgent, LimitsComeBackInTheUnitsTheyWereGiven) {
  runtime::ContainerSpec spec;
  for (const std::uint64_t cpus : {100'000'000U, 1'500'000'000U, 2'000'000'000U}) {
    spec.limits.nano_cpus = cpus;
    const Json cpu = to_create_body(spec, rootless())["resource_limits"]["cpu"];
    json["HostConfig"]["CpuPeriod"] = cpu["period"];
    json["HostConfig"]["CpuQuota"] = cpu["quota"];
    EXPECT_EQ(report().limits.nano_cpus, cpus);
  }
}

TEST(PodmanWire, ReadsARealListing) {
  const Json list = golden("podman/list.json");
  ASSERT_EQ(list.size(), 2U);
  for (const Json& entry : list) {
    const runtime::ContainerSummary summary = to_container_summary(entry);
    EXPECT_EQ(summary.name.substr(0, 13), "drydock-demo-");
    EXPECT_EQ(summary.state, runtime::ContainerState::running);
    EXPECT_GT(summary.created, 1'700'000'000);
    EXPECT_EQ(summary.labels.at("io.drydock.name"), "golden");
  }
}

TEST(PodmanWire, ReadsEachState) {
  Json json = golden("podman/agent.json");
  for (const auto& [word, state] : {std::pair{"created", runtime::ContainerState::created},
                                    {"configured", runtime::ContainerState::created},
                                    {"initialized", runtime::ContainerState::created},
                                    {"running", runtime::ContainerState::running},
                                    {"stopping", runtime::ContainerState::running},
                                    {"paused", runtime::ContainerState::paused},
                                    {"exited", runtime::ContainerState::exited},
                                    {"stopped", runtime::ContainerState::exited},
                                    {"removing", runtime::ContainerState::other}}) {
    json["State"]["Status"] = word;
    EXPECT_EQ(to_container_report(json).state, state) << word;
  }
}

}  // namespace
}  // namespace drydock::podman
