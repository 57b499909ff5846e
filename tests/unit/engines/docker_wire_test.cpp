#include "docker/wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/verify.hpp"
#include "docker/docker_engine.hpp"
#include "fake_daemon.hpp"
#include "recorded.hpp"

namespace drydock::docker {
namespace {

using test::golden;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(DockerWire, ASpecWithEverythingInIt) {
  test::expect_golden("docker/create.json", to_create_body(test::full_spec()));
}

TEST(DockerWire, ASpecWithNothingInIt) {
  const Json body = to_create_body({});
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "none") << "no network is none, never the default one";
  EXPECT_EQ(body["HostConfig"]["CapDrop"], Json({"ALL"}));
  EXPECT_EQ(body["HostConfig"]["CapAdd"], Json::array());
  EXPECT_EQ(body["HostConfig"]["SecurityOpt"], Json({"no-new-privileges"}));
  EXPECT_EQ(body["Entrypoint"], Json({""})) << "an image's own never applies";
  for (const char* name :
       {"Memory", "MemorySwap", "NanoCpus", "PidsLimit", "Dns", "ExtraHosts", "GroupAdd", "Binds"}) {
    EXPECT_FALSE(body["HostConfig"].contains(name)) << name;
  }
  EXPECT_FALSE(body.contains("NetworkingConfig"));
}

TEST(DockerWire, TheHostsNetworkExcludesOthers) {
  runtime::ContainerSpec spec = test::full_spec();
  spec.host_network = true;
  const Json body = to_create_body(spec);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "host");
  EXPECT_FALSE(body.contains("NetworkingConfig"));
}

TEST(DockerWire, ReadsARealContainer) {
  const runtime::ContainerReport report = to_container_report(golden("docker/agent.json"));
  EXPECT_EQ(report.name.substr(0, 13), "drydock-demo-");
  EXPECT_EQ(report.id.size(), 64U);
  EXPECT_EQ(report.state, runtime::ContainerState::running);
  EXPECT_GT(report.pid, 0);
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_FALSE(report.oom_killed);
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.labels.at("io.drydock.role"), "agent");
  EXPECT_EQ(report.user, "1000:1000");
  EXPECT_EQ(report.workdir, "/home/dev/demo");
  EXPECT_EQ(report.environment.at("GREETING"), "hello");
  EXPECT_EQ(report.environment.at("NO_PROXY"), "localhost,127.0.0.1,::1");
  EXPECT_THAT(report.bounding_capabilities,
              ElementsAre("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"));
  EXPECT_TRUE(report.no_new_privileges);
  EXPECT_FALSE(report.seccomp_unconfined);
  EXPECT_FALSE(report.privileged);
  EXPECT_FALSE(report.read_only_root);
  EXPECT_TRUE(report.init);
  EXPECT_FALSE(report.tty);
  EXPECT_THAT(report.binds, ElementsAre(runtime::BindMount{"/home/dev/demo", "/home/dev/demo", false}));
  EXPECT_THAT(report.tmpfs_targets, ElementsAre("/home/agent", "/tmp"));
  EXPECT_THAT(report.volumes, IsEmpty());
  EXPECT_EQ(report.limits.pids, 4096);
  EXPECT_EQ(report.sysctls.at("net.ipv6.conf.all.disable_ipv6"), "1");
  EXPECT_TRUE(report.reports_sysctls);
  EXPECT_FALSE(report.host_network);
  EXPECT_FALSE(report.host_pid);
  EXPECT_FALSE(report.host_ipc);
  EXPECT_FALSE(report.host_cgroups);
  ASSERT_EQ(report.networks.size(), 1U);
  EXPECT_EQ(report.networks[0].address.to_string().substr(0, 7), "10.231.");
  EXPECT_THAT(report.dns_servers, ElementsAre("127.0.0.1"));
  ASSERT_EQ(report.host_entries.size(), 2U);
  EXPECT_EQ(report.host_entries[0].name, "drydock-egress");
}

TEST(DockerWire, ARealSessionIsAsItWasAskedFor) {
  test::FakeDaemon daemon({[](test::Peer& peer) {
                             peer.read_request();
                             peer.send("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK");
                             peer.read_request();
                             peer.send(test::ok(test::golden_text("docker/info.json")));
                           },
                           test::always(test::ok(test::golden_text("docker/internal.json")))});
  DockerEngine engine(daemon.socket(), nullptr);
  const runtime::EngineInfo& info = engine.system().info();
  EXPECT_EQ(info.engine, "docker");
  EXPECT_EQ(info.version.substr(0, 6), "20.10.");
  EXPECT_EQ(info.api_version, "1.41");
  EXPECT_EQ(info.oci_runtime, "runc");
  EXPECT_FALSE(info.rootless);
  EXPECT_TRUE(info.enforces_pids);
  EXPECT_TRUE(info.enforces_memory);
  const test::Asked asked = test::recorded_request("docker", info);
  EXPECT_THAT(core::differences(asked.agent, to_container_report(golden("docker/agent.json")), true),
              IsEmpty());
  EXPECT_THAT(core::differences(asked.sidecar, to_container_report(golden("docker/sidecar.json")), true),
              IsEmpty());
  EXPECT_THAT(core::differences(asked.internal, engine.networks().inspect("x")), IsEmpty());
}

TEST(DockerWire, ARealEgressNetworkIsAsItWasAskedFor) {
  test::FakeDaemon daemon({[](test::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK");
    peer.read_request();
    peer.send(test::ok(test::golden_text("docker/egress.json")));
  }});
  DockerEngine engine(daemon.socket(), nullptr);
  const test::Asked asked = test::recorded_request("docker", {});
  EXPECT_THAT(core::differences(asked.egress, engine.networks().inspect("x")), IsEmpty());
}

TEST(DockerWire, ReadsARealListing) {
  const Json list = golden("docker/list.json");
  ASSERT_EQ(list.size(), 2U);
  for (const Json& entry : list) {
    const runtime::ContainerSummary summary = to_container_summary(entry);
    EXPECT_EQ(summary.name.substr(0, 13), "drydock-demo-") << "without the slash";
    EXPECT_EQ(summary.state, runtime::ContainerState::running);
    EXPECT_GT(summary.created, 1'700'000'000);
    EXPECT_EQ(summary.labels.at("io.drydock.name"), "golden");
    EXPECT_EQ(summary.status.substr(0, 3), "Up ");
  }
}

TEST(DockerWire, ReadsEachStateAndReasonOfAnEnd) {
  Json json = golden("docker/agent.json");
  for (const auto& [word, state] : {std::pair{"created", runtime::ContainerState::created},
                                    {"running", runtime::ContainerState::running},
                                    {"restarting", runtime::ContainerState::running},
                                    {"paused", runtime::ContainerState::paused},
                                    {"exited", runtime::ContainerState::exited},
                                    {"dead", runtime::ContainerState::exited},
                                    {"removing", runtime::ContainerState::other}}) {
    json["State"]["Status"] = word;
    EXPECT_EQ(to_container_report(json).state, state) << word;
  }
  json["State"]["OOMKilled"] = true;
  json["State"]["ExitCode"] = 137;
  json["State"]["Error"] = "it broke";
  const auto report = to_container_report(json);
  EXPECT_TRUE(report.oom_killed);
  EXPECT_EQ(report.exit_code, 137);
  EXPECT_EQ(report.error, "it broke");
}

TEST(DockerWire, SeesWhatWouldBeWrong) {
  const Json sound = golden("docker/agent.json");
  const auto report_with = [&](const char* key, const Json& value) {
    Json json = sound;
    json["HostConfig"][key] = value;
    return to_container_report(json);
  };
  EXPECT_TRUE(report_with("Privileged", true).privileged);
  EXPECT_TRUE(report_with("NetworkMode", "host").host_network);
  EXPECT_TRUE(report_with("PidMode", "host").host_pid);
  EXPECT_TRUE(report_with("IpcMode", "host").host_ipc);
  EXPECT_TRUE(report_with("CgroupnsMode", "host").host_cgroups);
  EXPECT_FALSE(report_with("Ulimits", nullptr).no_core_files);
  EXPECT_FALSE(
      report_with("Ulimits", Json::array({{{"Name", "core"}, {"Soft", 0}, {"Hard", -1}}})).no_core_files);
  EXPECT_TRUE(
      report_with("Ulimits", Json::array({{{"Name", "core"}, {"Soft", 0}, {"Hard", 0}}})).no_core_files);
  EXPECT_TRUE(report_with("SecurityOpt", Json{"seccomp=unconfined"}).seccomp_unconfined);
  EXPECT_FALSE(report_with("SecurityOpt", nullptr).no_new_privileges);
  EXPECT_FALSE(report_with("SecurityOpt", Json{"no-new-privileges:false"}).no_new_privileges);
  EXPECT_THAT(report_with("CapDrop", nullptr).bounding_capabilities, testing::Contains("(engine default)"));
  EXPECT_THAT(report_with("CapAdd", Json{"CAP_SYS_ADMIN"}).bounding_capabilities, ElementsAre("SYS_ADMIN"));
  EXPECT_EQ(report_with("PidsLimit", nullptr).limits.pids, 0);
  EXPECT_EQ(report_with("PidsLimit", -1).limits.pids, 0);
  Json volume = sound;
  volume["Mounts"].push_back({{"Type", "volume"}, {"Destination", "/data"}});
  EXPECT_THAT(to_container_report(volume).volumes, ElementsAre("/data"));
}

}  // namespace
}  // namespace drydock::docker
