#include "core/plan.hpp"
#include "core/canary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/version.hpp"
#include "core/canary.hpp"
#include "core/filter.hpp"
#include "core/invariants.hpp"
#include "core/plan_json.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

using test::sample_dood_request;
using test::sample_request;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string address(const runtime::Ipv4& value) { return value.to_string(); }

TEST(Plan, NamesEverythingAfterTheSession) {
  const Plan plan = build_plan(sample_request());
  EXPECT_EQ(plan.session, "0123abcd");
  EXPECT_EQ(plan.name, "drydock-demo-0123abcd");
  EXPECT_EQ(plan.agent.name, "drydock-demo-0123abcd");
  ASSERT_TRUE(plan.sidecar);
  EXPECT_EQ(plan.sidecar->name, "drydock-demo-0123abcd-egress");
  ASSERT_EQ(plan.networks.size(), 2U);
  EXPECT_EQ(plan.networks[0].name, "drydock_internal_0123abcd");
  EXPECT_EQ(plan.networks[1].name, "drydock_egress_0123abcd");
  EXPECT_EQ(plan.topology, Topology::bridges);
  EXPECT_EQ(plan.mode_reason, "the default");
}

TEST(Plan, LabelsEveryObject) {
  PlanRequest request = sample_request();
  const Plan plan = build_plan(request);
  const std::vector<std::pair<runtime::Labels, std::string>> objects{{plan.agent.labels, "agent"},
                                                                     {plan.sidecar->labels, "sidecar"},
                                                                     {plan.networks[0].labels, "internal"},
                                                                     {plan.networks[1].labels, "egress"}};
  for (const auto& [labels, role] : objects) {
    EXPECT_THAT(labels, Contains(Pair("io.drydock.session", "0123abcd"))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.role", role)));
    EXPECT_THAT(labels, Contains(Pair("io.drydock.project", "/srv/projects/demo"))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.version", version))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.created", "2024-05-06T07:08:09Z"))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.mode", "contained"))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.agent", "shell"))) << role;
    EXPECT_THAT(labels, Contains(Pair("io.drydock.name", "night"))) << role;
    EXPECT_EQ(labels.count("io.drydock.detached"), 0U) << role;
    const auto owner = Owner::read_from(labels);
    ASSERT_TRUE(owner) << role;
    EXPECT_EQ(owner->pid, request.owner.pid) << role;
    EXPECT_EQ(owner->boot_id, request.owner.boot_id) << role;
  }
  request.detached = true;
  request.label_name.clear();
  const Plan detached = build_plan(request);
  EXPECT_THAT(detached.agent.labels, Contains(Pair("io.drydock.detached", "1")));
  EXPECT_EQ(detached.agent.labels.count("io.drydock.name"), 0U);
}

TEST(Plan, TheAgentIsOnTheInternalNetworkAlone) {
  const Plan plan = build_plan(sample_request());
  EXPECT_TRUE(plan.networks[0].internal);
  EXPECT_FALSE(plan.networks[1].internal);
  EXPECT_EQ(plan.networks[0].subnet.to_string(), "10.231.0.8/29");
  EXPECT_EQ(plan.networks[1].subnet.to_string(), "10.231.0.16/29");
  ASSERT_EQ(plan.agent.networks.size(), 1U);
  EXPECT_EQ(plan.agent.networks[0].network, plan.networks[0].name);
  EXPECT_EQ(address(plan.agent.networks[0].address), "10.231.0.11");
  EXPECT_FALSE(plan.agent.host_network);
  EXPECT_TRUE(plan.agent.no_dns);
  EXPECT_THAT(plan.agent.sysctls, ElementsAre(Pair("net.ipv6.conf.all.disable_ipv6", "1")));
  // Engines route by the first: egress.
  ASSERT_EQ(plan.sidecar->networks.size(), 2U);
  EXPECT_EQ(plan.sidecar->networks[0].network, plan.networks[1].name);
  EXPECT_EQ(address(plan.sidecar->networks[0].address), "10.231.0.18");
  EXPECT_EQ(plan.sidecar->networks[1].network, plan.networks[0].name);
  EXPECT_EQ(address(plan.sidecar->networks[1].address), "10.231.0.10");
}

TEST(Plan, WhatIsMaskedIsCoveredAndTheRestIsInOrder) {
  const std::string project = "/srv/projects/demo";
  PlanRequest request = sample_request();
  request.mask_directory = "/run/user/1000/drydock/sessions/0123abcd/masks";
  request.view.mounts = {{"/srv/data", true, 1, 4, "/mnt/data"},
                         {project + "/a", false, 1, 5, project + "/a"}};
  request.view.beside = {"/srv/data"};
  request.view.masks = {{project + "/a/key", false}, {project + "/b", true}};
  const auto binds = [&](bool read_only) {
    return ElementsAre(runtime::BindMount{project, project, read_only},
                       runtime::BindMount{"/srv/data", "/mnt/data", true},
                       runtime::BindMount{project + "/.git", project + "/.git", read_only},
                       runtime::BindMount{project + "/.git/hooks", project + "/.git/hooks", true},
                       runtime::BindMount{project + "/a", project + "/a", read_only},
                       runtime::BindMount{request.mask_directory + "/file", project + "/a/key", true},
                       runtime::BindMount{request.mask_directory + "/folder", project + "/b", true},
                       runtime::BindMount{request.hosts_file, "/etc/hosts", true});
  };
  const Plan plan = build_plan(request);
  EXPECT_THAT(plan.agent.binds, binds(false));
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
  request.project_read_only = true;
  EXPECT_THAT(build_plan(request).agent.binds, binds(true)) << "no way to write by a mount of a part of it";
  EXPECT_THAT(broken_invariants(build_plan(request)), IsEmpty());
  request.view.masks = {{project + "/.git", true}};
  EXPECT_THAT(build_plan(request).agent.binds, testing::Not(testing::Contains(runtime::BindMount{
                                                   project + "/.git/hooks", project + "/.git/hooks", true})))
      << "there is no such folder in a mask";
}

TEST(Plan, TheAgentIsHardened) {
  const Plan plan = build_plan(sample_request());
  const runtime::ContainerSpec& agent = plan.agent;
  EXPECT_THAT(agent.capabilities,
              UnorderedElementsAre("DAC_OVERRIDE", "CHOWN", "FOWNER", "SETUID", "SETGID"));
  EXPECT_EQ(agent.uid, 1000U);
  EXPECT_EQ(agent.gid, 1001U);
  EXPECT_EQ(agent.user_mapping, runtime::UserMapping::same_as_invoker);
  EXPECT_TRUE(agent.no_new_privileges);
  EXPECT_TRUE(agent.init);
  EXPECT_THAT(agent.groups, IsEmpty());
  EXPECT_THAT(
      agent.binds,
      ElementsAre(runtime::BindMount{"/srv/projects/demo", "/srv/projects/demo", false},
                  runtime::BindMount{"/srv/projects/demo/.git", "/srv/projects/demo/.git", false},
                  runtime::BindMount{"/srv/projects/demo/.git/hooks", "/srv/projects/demo/.git/hooks", true},
                  runtime::BindMount{plan.hosts_file, "/etc/hosts", true}))
      << "the project, in it git's hooks read-only (J21), and a hosts file of drydock's";
  EXPECT_THAT(agent.tmpfs, ElementsAre(runtime::TmpfsMount{"/home/agent", 1U << 30, 01777},
                                       runtime::TmpfsMount{"/tmp", 1U << 30, 01777}));
  EXPECT_EQ(agent.limits, (runtime::Limits{0, 0, 4096}));
  EXPECT_EQ(agent.image, "localhost/agent:1");
  EXPECT_THAT(agent.entrypoint, IsEmpty());
  EXPECT_THAT(agent.command, ElementsAre("true", "--flag"));
  EXPECT_EQ(agent.workdir, "/srv/projects/demo");
  EXPECT_FALSE(agent.tty);
  EXPECT_FALSE(agent.open_stdin);
}

TEST(Plan, GitIsToldWhoTheUserIs) {
  core::PlanRequest request = sample_request();
  EXPECT_EQ(build_plan(request).agent.environment.count("GIT_CONFIG_SYSTEM"), 0U);
  request.git_config = "[user]\n\tname = \"Me\"\n";
  request.git_config_file = "/run/user/1000/drydock/sessions/0123abcd/gitconfig";
  for (const Mode mode : {Mode::contained, Mode::dood}) {
    request.mode.mode = mode;
    if (mode == Mode::dood) request.engine_socket = "/run/podman.sock";
    const Plan plan = build_plan(request);
    EXPECT_EQ(plan.git_config, request.git_config);
    EXPECT_EQ(plan.agent.environment.at("GIT_CONFIG_SYSTEM"), "/run/drydock/gitconfig");
    EXPECT_THAT(plan.agent.binds, testing::Contains(runtime::BindMount{request.git_config_file,
                                                                       "/run/drydock/gitconfig", true}));
  }
  request.mode.mode = Mode::contained;
  EXPECT_THAT(broken_invariants(build_plan(request)), testing::IsEmpty());
}

TEST(Plan, AWorktreesRepositoryIsMountedForItAlone) {
  PlanRequest request = sample_request();
  const std::string git = "/srv/projects/main/.git";
  request.git.paths.push_back({git, false, 1, 4, git});
  request.git.worktree = GitWorktree{git, git + "/worktrees/demo"};
  request.git_config_file = "/run/user/1000/drydock/sessions/0123abcd/gitconfig";
  const auto has = [](const Plan& plan, const runtime::BindMount& bind) {
    return std::find(plan.agent.binds.begin(), plan.agent.binds.end(), bind) != plan.agent.binds.end();
  };
  Plan plan = build_plan(request);
  EXPECT_TRUE(has(plan, {git, git, false}));
  EXPECT_THAT(writable_beside(plan), ElementsAre(git)) << "what changes there is told";
  EXPECT_THAT(plan.git_config, HasSubstr("[gc]\n\tauto = 0\n"))
      << "others seem to be gone, and are not to be tidied away";
  EXPECT_TRUE(has(plan, git_config_mount(plan)));
  request.project_read_only = true;
  plan = build_plan(request);
  EXPECT_TRUE(has(plan, {git, git, true}));
  EXPECT_THAT(writable_beside(plan), IsEmpty());
  request = sample_request();
  request.view.mounts = {{"/srv/rw", false, 1, 5, "/mnt/rw"},
                         {"/srv/rw/.git", false, 1, 6, "/mnt/rw/.git"},
                         {"/srv/ro", true, 1, 7, "/mnt/ro"}};
  request.view.beside = {"/srv/rw", "/srv/ro"};
  plan = build_plan(request);
  EXPECT_EQ(plan.git_config, "");
  EXPECT_THAT(writable_beside(plan), ElementsAre("/srv/rw"));
}

TEST(Plan, TheAgentHasAHostsFileOfItsSessions) {
  const core::PlanRequest request = sample_request();
  const Plan plan = build_plan(request);
  EXPECT_EQ(plan.hosts_file, request.hosts_file);
  EXPECT_THAT(plan.agent.binds,
              testing::Contains(runtime::BindMount{request.hosts_file, "/etc/hosts", true}));
  EXPECT_THAT(plan.hosts,
              testing::HasSubstr("127.0.0.1 localhost\n10.231.0.11 drydock\n10.231.0.10 drydock-egress\n"));
  EXPECT_THAT(plan.hosts, testing::HasSubstr("10.231.0.10 example.org\n"));
  EXPECT_THAT(broken_invariants(plan), testing::IsEmpty());
}

TEST(Plan, TheSidecarIsHardened) {
  const Plan plan = build_plan(sample_request());
  const runtime::ContainerSpec& sidecar = *plan.sidecar;
  EXPECT_THAT(sidecar.capabilities, IsEmpty());
  EXPECT_EQ(sidecar.uid, 65534U);
  EXPECT_EQ(sidecar.gid, 65534U);
  EXPECT_TRUE(sidecar.no_new_privileges);
  EXPECT_TRUE(sidecar.read_only_root);
  EXPECT_FALSE(sidecar.tty);
  EXPECT_FALSE(sidecar.open_stdin);
  EXPECT_THAT(sidecar.binds, ElementsAre(runtime::BindMount{plan.sidecar_directory, "/etc/drydock", true}));
  EXPECT_THAT(sidecar.environment, IsEmpty());
  EXPECT_THAT(sidecar.sysctls, ElementsAre(Pair("net.ipv4.ip_forward", "0"),
                                           Pair("net.ipv4.ip_unprivileged_port_start", "443"),
                                           Pair("net.ipv6.conf.all.disable_ipv6", "1")));
  EXPECT_GT(sidecar.limits.memory, 0U);
  EXPECT_GT(sidecar.limits.pids, 2 * 128 + 16) << "two tinyproxies with all that they may be asked at once";
  for (const auto& mount : sidecar.tmpfs) EXPECT_GT(mount.size, 0U) << mount.target;
}

TEST(Plan, TheProxyRunsWithTheAllowlistsFilter) {
  const PlanRequest request = sample_request();
  const Plan plan = build_plan(request);
  // And the canary's line, behind it.
  EXPECT_EQ(plan.filter,
            compile_filter(request.allowlist) + "^canary-" + request.session + "\\.drydock\\.invalid:443$\n");
  EXPECT_EQ(plan.sidecar_files.at("filter"), plan.filter);
  EXPECT_THAT(plan.sidecar_files.at("tinyproxy.conf"), HasSubstr("Allow 127.0.0.1\n"));
  EXPECT_EQ(plan.allowlist.entries().size(), 2U);
}

TEST(Plan, NothingOfTheUsersReplacesTheProxyVariables) {
  PlanRequest request = sample_request();
  request.environment = {{"HTTPS_PROXY", "http://evil.test:1"},
                         {"all_proxy", ""},
                         {"no_proxy", "*"},
                         {"EDITOR", "vi"},
                         {"HOME", "/srv"}};
  request.wall_checks = all_wall_checks();
  const Plan plan = build_plan(request);
  const auto& environment = plan.agent.environment;
  for (const char* name :
       {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}) {
    EXPECT_EQ(environment.at(name), "http://10.231.0.10:8888") << name;
  }
  EXPECT_EQ(environment.at("NO_PROXY"), "localhost,127.0.0.1,::1");
  EXPECT_EQ(environment.at("no_proxy"), "localhost,127.0.0.1,::1");
  EXPECT_EQ(environment.at("EDITOR"), "vi");
  EXPECT_EQ(environment.at("HOME"), "/srv");
  EXPECT_EQ(environment.at("DRYDOCK"), "1");
  // The canary has those and no other: it says what the engine makes of them.
  EXPECT_EQ(plan.probe->environment.size(), 8U);
  for (const auto& [name, value] : plan.probe->environment) EXPECT_EQ(value, environment.at(name)) << name;
}

TEST(Plan, HidesTheHostsNameOnPodman) {
  PlanRequest request = sample_request();
  EXPECT_THAT(build_plan(request).agent.host_entries,
              ElementsAre(runtime::HostEntry{"drydock-egress", "10.231.0.10"},
                          runtime::HostEntry{"host.containers.internal", "127.0.0.1"},
                          runtime::HostEntry{"host.docker.internal", "127.0.0.1"},
                          runtime::HostEntry{"example.org", "10.231.0.10"}));
  request.engine.engine = "docker";
  EXPECT_THAT(build_plan(request).agent.host_entries,
              ElementsAre(runtime::HostEntry{"drydock-egress", "10.231.0.10"},
                          runtime::HostEntry{"example.org", "10.231.0.10"}));
}

TEST(Plan, TakesWhatTheUserAskedFor) {
  PlanRequest request = sample_request();
  request.limits = {std::uint64_t{1} << 29, 1'500'000'000, 77, 4096, false};
  request.workdir = "/srv/projects/demo/below";
  request.tty = true;
  request.open_stdin = true;
  const Plan plan = build_plan(request);
  EXPECT_EQ(plan.agent.limits, (runtime::Limits{1U << 29, 1'500'000'000, 77}));
  EXPECT_EQ(plan.agent.workdir, "/srv/projects/demo/below");
  EXPECT_TRUE(plan.agent.tty);
  EXPECT_TRUE(plan.agent.open_stdin);
  for (const auto& mount : plan.agent.tmpfs) EXPECT_EQ(mount.size, 4096U) << mount.target;
  EXPECT_THAT(plan.notices, IsEmpty());
}

TEST(Plan, DoodHasTheEnginesSocketAndNoJail) {
  const Plan plan = build_plan(sample_dood_request());
  EXPECT_EQ(plan.topology, Topology::host);
  EXPECT_FALSE(plan.sidecar);
  EXPECT_THAT(plan.networks, IsEmpty());
  EXPECT_THAT(plan.sidecar_files, IsEmpty());
  EXPECT_EQ(plan.filter, "");
  EXPECT_TRUE(plan.agent.host_network);
  EXPECT_FALSE(plan.agent.no_dns);
  EXPECT_THAT(plan.agent.binds, Contains(runtime::BindMount{"/run/docker.sock", "/run/docker.sock", false}));
  EXPECT_THAT(plan.agent.groups, ElementsAre(999U));
  EXPECT_EQ(plan.agent.environment.at("DOCKER_HOST"), "unix:///run/docker.sock");
  for (const auto& [name, value] : plan.agent.environment) EXPECT_THAT(name, Not(HasSubstr("PROXY")));
  EXPECT_EQ(plan.agent.capabilities, agent_capabilities());
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
}

TEST(Plan, DoodTakesTheUsersVariablesAsContainedDoes) {
  PlanRequest request = sample_dood_request();
  request.environment = {{"HOME", "/srv"}, {"DOCKER_HOST", "tcp://elsewhere"}};
  request.engine_socket_gid.reset();
  const Plan plan = build_plan(request);
  EXPECT_EQ(plan.agent.environment.at("HOME"), "/srv");
  EXPECT_EQ(plan.agent.environment.at("DOCKER_HOST"), "unix:///run/docker.sock");
  EXPECT_THAT(plan.agent.groups, IsEmpty());
  request.engine.engine = "podman";
  EXPECT_EQ(build_plan(request).agent.environment.count("CONTAINER_HOST"), 1U);
}

struct LimitCase {
  const char* name;
  void (*ask)(LimitRequest&);
  void (*take_away)(runtime::EngineInfo&);
  const char* option;
};

class PlanLimits : public testing::TestWithParam<LimitCase> {};

TEST_P(PlanLimits, IsRefusedWhereItWouldNotHold) {
  PlanRequest request = sample_request();
  GetParam().ask(request.limits);
  build_plan(request);  // the positive control: it holds here
  GetParam().take_away(request.engine);
  for (const auto& [cgroup, rootless, reason] :
       {std::tuple{"v2", true, "not delegated"}, {"v1", true, "rootless on cgroup v1"}, {"v1", false, ""}}) {
    request.engine.cgroup_version = cgroup;
    request.engine.rootless = rootless;
    try {
      build_plan(request);
      FAIL() << "planned a limit that does not hold";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unsupported);
      EXPECT_THAT(error.what(),
                  HasSubstr(std::string("cannot apply limit '") + GetParam().option + "': podman does not"));
      EXPECT_THAT(error.what(), HasSubstr(reason));
      EXPECT_THAT(error.hint(), HasSubstr("--best-effort-limits"));
    }
  }
  request.limits.best_effort = true;
  const Plan plan = build_plan(request);
  EXPECT_EQ(plan.agent.limits.memory, 0U);
  EXPECT_THAT(plan.notices, Contains(HasSubstr("is not in force")));
}

INSTANTIATE_TEST_SUITE_P(
    Each, PlanLimits,
    testing::Values(LimitCase{"memory", [](LimitRequest& r) { r.memory = 1U << 30; },
                              [](runtime::EngineInfo& e) { e.enforces_memory = false; }, "--memory"},
                    LimitCase{"cpus", [](LimitRequest& r) { r.nano_cpus = 1'000'000'000; },
                              [](runtime::EngineInfo& e) { e.enforces_cpus = false; }, "--cpus"},
                    LimitCase{"pids", [](LimitRequest& r) { r.pids = 5; },
                              [](runtime::EngineInfo& e) { e.enforces_pids = false; }, "--pids-limit"}),
    [](const auto& test) { return test.param.name; });

TEST(Plan, SaysWhenADefaultLimitDoesNotHold) {
  PlanRequest request = sample_request();
  request.engine.enforces_pids = request.engine.enforces_memory = false;
  const Plan plan = build_plan(request);
  EXPECT_EQ(plan.agent.limits.pids, 0);
  EXPECT_EQ(plan.sidecar->limits, runtime::Limits{});
  EXPECT_THAT(plan.notices, ElementsAre(HasSubstr("no limit on the number of processes")));
}

TEST(Plan, IsTheSameInJson) {
  const Plan plan = build_plan(sample_request());
  const Json json = to_json(plan);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["session"], "0123abcd");
  EXPECT_EQ(json["mode"], "contained");
  EXPECT_EQ(json["project"]["path"], "/srv/projects/demo");
  EXPECT_EQ(json["networks"][0]["internal"], true);
  EXPECT_EQ(json["containers"]["agent"]["networks"]["drydock_internal_0123abcd"], "10.231.0.11");
  EXPECT_EQ(json["containers"]["agent"]["dns"], false);
  EXPECT_EQ(json["containers"]["sidecar"]["read_only_root"], true);
  EXPECT_EQ(json["allowlist"][0]["host"], "example.org");
  EXPECT_EQ(json["allowlist"][1]["source"], "test");
  EXPECT_EQ(json["allowlist"][1]["line"], 2);
  EXPECT_FALSE(to_json(build_plan(sample_dood_request()))["containers"].contains("sidecar"));
}

TEST(Plan, IsTheSameInWords) {
  const std::string text = to_text(build_plan(sample_request()));
  for (const char* line : {"session     0123abcd\n", "mode        contained (the default)\n",
                           "runtime     podman 4.3.1, rootless\n", "command     true --flag\n",
                           "mount       /srv/projects/demo\n", "10.231.0.8/29, internal\n",
                           "allow       example.org  (test:1)\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(to_text(build_plan(sample_dood_request())), HasSubstr("network     the host's own\n"));
}

}  // namespace
}  // namespace drydock::core
