#include "core/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"
#include "fake_engine.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

using runtime::ContainerReport;
using runtime::NetworkReport;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename Report>
struct Change {
  const char* name;
  std::function<void(Report&)> make;
  const char* words;
};

template <typename Report>
void PrintTo(const Change<Report>& change, std::ostream* stream) {
  *stream << change.name;
}

runtime::ContainerSpec full_spec() {
  PlanRequest request = test::sample_request();
  request.limits.memory = 1U << 30;
  request.limits.nano_cpus = 2'000'000'000;
  request.oci_runtime = "runsc";
  return build_plan(request).agent;
}

class ContainerDifferences : public testing::TestWithParam<Change<ContainerReport>> {};

TEST_P(ContainerDifferences, IsSeen) {
  const runtime::ContainerSpec spec = full_spec();
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  ASSERT_THAT(differences(spec, report, true), IsEmpty()) << "the positive control";
  verify(spec, report, true);
  GetParam().make(report);
  EXPECT_THAT(differences(spec, report, true), ElementsAre(HasSubstr(GetParam().words)));
  try {
    verify(spec, report, true);
    FAIL() << "trusted it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(),
                HasSubstr("cannot trust container 'drydock-demo-0123abcd': the engine made it"));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().words));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, ContainerDifferences,
    testing::ValuesIn(std::vector<Change<ContainerReport>>{
        {"capability_more", [](auto& r) { r.bounding_capabilities.emplace_back("SYS_ADMIN"); },
         "DAC_OVERRIDE FOWNER SETGID SETUID SYS_ADMIN'"},
        {"oci_runtime", [](auto& r) { r.oci_runtime = "runc"; }, "OCI runtime should be 'runsc'"},
        {"capability_less", [](auto& r) { r.bounding_capabilities.pop_back(); }, "capabilities should be"},
        {"capability_default", [](auto& r) { r.bounding_capabilities = {"(engine default)"}; },
         "is '(engine default)'"},
        {"process_capability", [](auto& r) { r.process_capabilities = {"CAP_CHOWN"}; },
         "the process's own capabilities should be '' and is 'CAP_CHOWN'"},
        {"namespaces", [](auto& r) { r.may_unshare = true; }, "namespaces of its own should be 'no'"},
        {"privileged", [](auto& r) { r.privileged = true; }, "privileged should be 'no' and is 'yes'"},
        {"new_privileges", [](auto& r) { r.no_new_privileges = false; }, "no new privileges should be 'yes'"},
        {"seccomp", [](auto& r) { r.seccomp_unconfined = true; }, "seccomp unconfined should be 'no'"},
        {"read_only_root", [](auto& r) { r.read_only_root = true; }, "read-only root should be 'no'"},
        {"init", [](auto& r) { r.init = false; }, "init should be 'yes'"},
        {"user", [](auto& r) { r.user = "0:0"; }, "user should be '1000:1001' and is '0:0'"},
        {"user_empty", [](auto& r) { r.user.clear(); }, "user should be '1000:1001' and is ''"},
        {"tty", [](auto& r) { r.tty = true; }, "terminal should be 'no'"},
        {"host_pid", [](auto& r) { r.host_pid = true; }, "host pid namespace should be 'no'"},
        {"host_ipc", [](auto& r) { r.host_ipc = true; }, "host ipc namespace should be 'no'"},
        {"host_cgroups", [](auto& r) { r.host_cgroups = true; }, "host cgroup namespace should be 'no'"},
        {"mount_more",
         [](auto& r) {
           r.binds.push_back({"/etc", "/etc", true});
         },
         "/etc:/etc:ro"},
        {"mount_less", [](auto& r) { r.binds.clear(); }, "mounts should be"},
        {"mount_read_only", [](auto& r) { r.binds[0].read_only = true; }, "demo:ro'"},
        {"tmpfs", [](auto& r) { r.tmpfs_targets.pop_back(); }, "tmpfs at /tmp should be 'yes'"},
        {"memory", [](auto& r) { r.limits.memory = 0; }, "memory limit should be '1073741824' and is '0'"},
        {"cpus", [](auto& r) { r.limits.nano_cpus = 0; }, "CPU limit should be '2000000000'"},
        {"pids", [](auto& r) { r.limits.pids = 2048; }, "process limit should be '4096' and is '2048'"},
        {"sysctl_absent", [](auto& r) { r.sysctls.clear(); }, "disable_ipv6 should be '1' and is '(absent)'"},
        {"sysctl_other", [](auto& r) { r.sysctls.begin()->second = "0"; },
         "disable_ipv6 should be '1' and is '0'"},
        {"label", [](auto& r) { r.labels.erase("io.drydock.session"); },
         "label io.drydock.session should be"},
        {"proxy_variable", [](auto& r) { r.environment["http_proxy"] = "http://host:3128"; },
         "variable http_proxy should be"},
        {"variable_absent", [](auto& r) { r.environment.erase("HOME"); }, "variable HOME should be"},
        {"host_network", [](auto& r) { r.host_network = true; }, "host network should be 'no'"},
        {"network_more",
         [](auto& r) {
           r.networks.push_back({"podman", {0x0a580002}});
         },
         "podman=10.88.0.2"},
        {"network_other", [](auto& r) { r.networks[0].network = "bridge"; }, "networks should be"},
        {"network_none", [](auto& r) { r.networks.clear(); }, "networks should be"},
        {"address", [](auto& r) { r.networks[0].address.value += 1; },
         "is 'drydock_internal_0123abcd=10.231.0.12'"},
        {"dns", [](auto& r) { r.dns_servers = {"203.0.113.53"}; }, "name servers should be '127.0.0.1'"},
        {"dns_more", [](auto& r) { r.dns_servers.emplace_back("203.0.113.53"); }, "name servers should be"},
        {"dns_none", [](auto& r) { r.dns_servers.clear(); }, "name servers should be '127.0.0.1' and is ''"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(ContainerDifferences, AddressesCountOnceItRuns) {
  const runtime::ContainerSpec spec = full_spec();
  ContainerReport report = test::report_of(spec, runtime::ContainerState::created);
  report.networks[0].address = {};
  EXPECT_THAT(differences(spec, report, false), IsEmpty());
  EXPECT_EQ(differences(spec, report, true).size(), 1U);
}

TEST(ContainerDifferences, SysctlsCountWhereTheyAreReported) {
  const runtime::ContainerSpec spec = full_spec();
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  report.sysctls.clear();
  report.reports_sysctls = false;
  EXPECT_THAT(differences(spec, report, true), IsEmpty());
}

TEST(ContainerDifferences, ItIsMadeOfTheImageThatWasLookedAt) {
  runtime::ContainerSpec spec = full_spec();
  spec.image_id = "sha256:1234";
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  EXPECT_THAT(differences(spec, report, true), IsEmpty());
  report.image_id = "sha256:5678";
  EXPECT_THAT(differences(spec, report, true),
              ElementsAre("image should be 'sha256:1234' and is 'sha256:5678'"));
}

TEST(ContainerDifferences, CoreFilesCountWhereThereAreToBeNone) {
  runtime::ContainerSpec spec = full_spec();
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  report.no_core_files = true;
  EXPECT_THAT(differences(spec, report, true), IsEmpty()) << "where it does not matter";
  spec.no_core_files = true;
  EXPECT_THAT(differences(spec, report, true), IsEmpty());
  report.no_core_files = false;
  EXPECT_THAT(differences(spec, report, true), ElementsAre("no core files should be 'yes' and is 'no'"));
}

TEST(ContainerDifferences, TheOrderOfMountsDoesNotCount) {
  runtime::ContainerSpec spec = full_spec();
  spec.binds.push_back({"/srv/other", "/srv/other", true});
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  std::swap(report.binds[0], report.binds[1]);
  EXPECT_THAT(differences(spec, report, true), IsEmpty());
}

TEST(ContainerDifferences, OnTheHostsNetworkNoOtherCounts) {
  const runtime::ContainerSpec spec = build_plan(test::sample_dood_request()).agent;
  ContainerReport report = test::report_of(spec, runtime::ContainerState::running);
  report.networks = {{"host", {}}};
  EXPECT_THAT(differences(spec, report, true), IsEmpty());
  report.host_network = false;
  EXPECT_EQ(differences(spec, report, true).size(), 1U);
}

class NetworkDifferences : public testing::TestWithParam<Change<NetworkReport>> {};

TEST_P(NetworkDifferences, IsSeen) {
  const bool egress = std::string_view(GetParam().name).substr(0, 6) == "egress";
  const runtime::NetworkSpec spec = build_plan(test::sample_request()).networks[egress ? 1 : 0];
  NetworkReport report = test::report_of(spec);
  ASSERT_THAT(differences(spec, report), IsEmpty()) << "the positive control";
  verify(spec, report);
  GetParam().make(report);
  EXPECT_THAT(differences(spec, report), ElementsAre(HasSubstr(GetParam().words)));
  EXPECT_THROW(verify(spec, report), Error);
}

INSTANTIATE_TEST_SUITE_P(
    Each, NetworkDifferences,
    testing::ValuesIn(std::vector<Change<NetworkReport>>{
        {"not_internal", [](auto& r) { r.internal = false; }, "internal should be 'yes'"},
        {"ipv6", [](auto& r) { r.ipv6 = true; }, "IPv6 should be 'no'"},
        {"host_address", [](auto& r) { r.host_address = true; }, "host address on the bridge should be 'no'"},
        {"other_subnet", [](auto& r) { r.subnets = {*runtime::Cidr::parse("172.17.0.0/16")}; },
         "is '172.17.0.0/16'"},
        {"second_subnet", [](auto& r) { r.subnets.push_back(*runtime::Cidr::parse("172.17.0.0/16")); },
         "subnet should be '10.231.0.8/29'"},
        {"no_subnet", [](auto& r) { r.subnets.clear(); }, "subnet should be"},
        {"label", [](auto& r) { r.labels.erase("io.drydock.role"); }, "label io.drydock.role"},
        {"egress_internal", [](auto& r) { r.internal = true; }, "internal should be 'no'"},
        {"egress_not_isolated", [](auto& r) { r.members_isolated = false; }, "isolation should be 'yes'"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(NetworkDifferences, NameServiceIsSeenOnAnInternalNetworkOfPodmans) {
  const runtime::NetworkSpec spec = build_plan(test::sample_request()).networks[0];
  NetworkReport report = test::report_of(spec);
  report.dns_enabled = true;
  report.host_address = true;  // with aardvark-dns the bridge has an address
  EXPECT_THAT(differences(spec, report), ElementsAre(HasSubstr("host address on the bridge")));
}

}  // namespace
}  // namespace drydock::core
