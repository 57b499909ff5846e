#include "core/invariants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "core/agent_state.hpp"
#include "core/labels.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

Plan contained() { return build_plan(test::sample_request()); }
Plan dood() { return build_plan(test::sample_dood_request()); }

// One thing broken in a sound plan.
struct Breach {
  const char* name;
  Plan (*sound)();
  std::function<void(Plan&)> break_it;
  const char* invariant;
  const char* words;
};

void PrintTo(const Breach& breach, std::ostream* stream) { *stream << breach.name; }

class Invariants : public testing::TestWithParam<Breach> {};

TEST_P(Invariants, SeesTheBreach) {
  Plan plan = GetParam().sound();
  ASSERT_THAT(broken_invariants(plan), IsEmpty()) << "the positive control";
  require_sound(plan);
  GetParam().break_it(plan);
  EXPECT_THAT(broken_invariants(plan), Contains(AllOf(StartsWith(std::string(GetParam().invariant) + ": "),
                                                      HasSubstr(GetParam().words))));
  try {
    require_sound(plan);
    FAIL() << "the plan would be carried out";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), StartsWith("cannot start session '0123abcd': its plan breaks INV-"));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().words));
  }
}

std::function<void(Plan&)> mount(const std::string& source) {
  return [source](Plan& plan) { plan.agent.binds.push_back({source, source, true}); };
}
std::function<void(Plan&)> without_line(const std::string& line) {
  return [line](Plan& plan) {
    std::string& config = plan.sidecar_files["tinyproxy.conf"];
    config.erase(config.find(line + "\n"), line.size() + 1);
  };
}
std::function<void(Plan&)> with_line(const std::string& line) {
  return [line](Plan& plan) { plan.sidecar_files["tinyproxy.conf"] += line + "\n"; };
}
std::function<void(Plan&)> proxy_variable(const std::string& name, const std::string& value) {
  return [=](Plan& plan) { plan.agent.environment[name] = value; };
}

constexpr const char* repository = "/srv/projects/main/.git";
Plan of_a_worktree() {
  PlanRequest request = test::sample_request();
  const std::string git = repository;
  const auto guard = [](const std::string& path, bool read_only) {
    return GuardedPath{path, read_only, 1, 2, path};
  };
  request.git.paths = {guard("/srv/projects/demo/.git", true),
                       guard(git, false),
                       guard(git + "/hooks", true),
                       guard(git + "/worktrees", true),
                       guard(git + "/worktrees/demo", false),
                       guard(git + "/worktrees/demo/commondir", true),
                       guard(git + "/worktrees/demo/gitdir", true)};
  request.git.worktree = GitWorktree{git, git + "/worktrees/demo"};
  return build_plan(request);
}
Plan with_policy() {
  PlanRequest request = test::sample_request();
  request.policy = {{"/etc/agent/policy.json", "{}", false}, {"/opt/agent/rail", "#!/bin/sh", true}};
  request.policy_directory = "/run/user/1000/drydock/sessions/0123abcd/policy";
  return build_plan(request);
}
Plan with_state() {
  PlanRequest request = test::sample_request();
  AgentProfile agent;
  agent.name = request.agent_name;
  agent.state = {{".demo", true}};
  request.state = session_state(agent, request.project.key, request.session);
  return build_plan(request);
}
// Of a worktree's plan: without the mount of `path` below its repository.
std::function<void(Plan&)> without_mount(const std::string& path) {
  return [path](Plan& plan) {
    std::erase_if(plan.agent.binds, [&](const auto& bind) { return bind.source == repository + path; });
    std::erase_if(plan.guards, [&](const auto& guard) { return guard.path == repository + path; });
  };
}

auto home_of(Plan& plan) {
  return std::find(plan.agent.binds.begin(), plan.agent.binds.end(), home_mount(plan));
}
auto hooks_of(Plan& plan) {
  auto& binds = plan.agent.binds;
  return std::find_if(binds.begin(), binds.end(),
                      [](const runtime::BindMount& bind) { return ends_with(bind.target, "/.git/hooks"); });
}

std::vector<Breach> breaches() {
  return {
      {"mount_root", contained, mount("/"), "INV-1", "'/' would be mounted"},
      {"mount_etc", contained, mount("/etc"), "INV-1", "'/etc' would be mounted"},
      {"mount_engine_socket", contained, mount("/run/docker.sock"), "INV-1", "'/run/docker.sock'"},
      {"mount_any_socket", contained, mount("/srv/x/docker.sock"), "INV-9",
       "the socket '/srv/x/docker.sock'"},
      {"mount_other_socket_in_dood", dood, mount("/srv/x/other.sock"), "INV-9",
       "the socket '/srv/x/other.sock'"},
      {"hooks_writable", contained, [](Plan& p) { hooks_of(p)->read_only = false; }, "INV-3",
       "'/srv/projects/demo/.git/hooks' would not be guarded"},
      {"hooks_not_mounted", contained, [](Plan& p) { p.agent.binds.erase(hooks_of(p)); }, "INV-3",
       "'/srv/projects/demo/.git/hooks' would not be guarded"},
      {"git_can_be_renamed", contained, [](Plan& p) { p.agent.binds.erase(p.agent.binds.begin() + 1); },
       "INV-3", "'/srv/projects/demo/.git' would not be guarded"},
      {"policy_not_mounted", with_policy,
       [](Plan& p) {
         std::erase_if(p.agent.binds, [](const auto& bind) { return bind.target == "/opt/agent/rail"; });
       },
       "INV-3", "without its policy '/opt/agent/rail'"},
      {"policy_writable", with_policy,
       [](Plan& p) {
         for (auto& bind : p.agent.binds)
           bind.read_only = bind.read_only && bind.target != "/etc/agent/policy.json";
       },
       "INV-3", "without its policy '/etc/agent/policy.json'"},
      {"policy_of_something_else", with_policy,
       [](Plan& p) {
         for (auto& bind : p.agent.binds) {
           if (bind.target == "/opt/agent/rail") bind.source = "/srv/other";
         }
       },
       "INV-3", "without its policy '/opt/agent/rail'"},
      {"worktree_hooks", of_a_worktree, without_mount("/hooks"), "INV-3",
       "main/.git/hooks' would not be guarded"},
      {"worktree_others", of_a_worktree, without_mount("/worktrees"), "INV-3",
       "/worktrees' would not be guarded"},
      {"worktree_way", of_a_worktree, without_mount("/worktrees/demo/commondir"), "INV-3",
       "demo/commondir' would not be guarded"},
      {"worktree_way_back", of_a_worktree, without_mount("/worktrees/demo/gitdir"), "INV-3",
       "demo/gitdir' would not be guarded"},
      {"worktree_by_another_name", of_a_worktree,
       [](Plan& p) {
         p.agent.binds.push_back({"/srv/projects/main", "/mnt/main", false});
       },
       "INV-3", "main/.git/hooks' could be written to by way of '/mnt/main'"},
      {"worktree_of_nothing", of_a_worktree, [](Plan& p) { p.worktree->own = "/srv/projects/x"; }, "INV-3",
       "is no worktree's part of a repository elsewhere"},
      {"worktree_with_credentials", of_a_worktree,
       [](Plan& p) {
         p.worktree = GitWorktree{"/etc/x", "/etc/x/worktrees/demo"};
         p.guards.push_back({"/etc/x", false, 1, 2, "/etc/x"});
         p.agent.binds.push_back({"/etc/x", "/etc/x", false});
       },
       "INV-1", "'/etc/x' would be mounted"},
      {"worktree_of_a_project_that_is_read_only", of_a_worktree,
       [](Plan& p) {
         p.project_read_only = true;
         p.agent.binds.front().read_only = true;
       },
       "INV-3", "main/.git' would not be guarded"},
      {"secrets_elsewhere", contained,
       [](Plan& p) {
         p.secrets = {"TOKEN"};
         p.secrets_directory = "/run/user/1000/drydock/sessions/0123abcd/secrets";
         p.agent.binds.push_back({p.secrets_directory, "/run/secrets", false});
       },
       "INV-1", "the secrets would not be mounted as they should"},
      {"secret_in_a_core_file", contained,
       [](Plan& p) {
         p.secrets = {"TOKEN"};
         p.secrets_directory = "/run/user/1000/drydock/sessions/0123abcd/secrets";
         p.agent.binds.push_back(secrets_mount(p));
       },
       "INV-1", "a core file could have a secret in it"},
      {"login_in_a_core_file", contained, [](Plan& p) { p.has_login = true; }, "INV-1",
       "a core file could have the agent's login in it"},
      {"secret_in_the_environment", contained,
       [](Plan& p) {
         p.secrets = {"TOKEN"};
         p.agent.binds.push_back(secrets_mount(p));
         p.agent.environment["TOKEN"] = "x";
       },
       "INV-1", "the engine would be told the secret 'TOKEN'"},
      {"home_not_mounted", with_state, [](Plan& p) { p.agent.binds.erase(home_of(p)); }, "INV-2",
       "would not be the session's own copy"},
      {"home_of_another_session", with_state,
       [](Plan& p) {
         const auto bind = home_of(p);
         p.state->home = agent_state_directory(p.agent_name) + "/sessions/ffffffff/home";
         bind->source = p.state->home;
       },
       "INV-2", "would not be the session's own copy"},
      {"state_of_the_host", with_state,
       [](Plan& p) {
         p.beside.push_back(home_directories().front() + "/.demo/talks");
         p.agent.binds.push_back({p.beside.back(), "/mnt/talks", true});
       },
       "INV-2", "/.demo/talks' is the host's own state of the agent"},
      {"guard_elsewhere", contained,
       [](Plan& p) {
         p.guards.push_back({"/srv/other", true, 0, 0, "/srv/other"});
       },
       "INV-3", "'/srv/other' would not be guarded"},
      {"way_to_a_mask_writable", contained,
       [](Plan& p) {
         p.project_read_only = true;
         p.agent.binds.front().read_only = true;
       },
       "INV-3", "'/srv/projects/demo/.git' would not be guarded"},
      {"mask_not_mounted", contained,
       [](Plan& p) {
         p.masks.push_back({"/srv/projects/demo/secret", false});
       },
       "INV-9", "'/srv/projects/demo/secret' would not be masked"},
      {"project_writable", contained,
       [](Plan& p) {
         p.guards.clear();
         p.project_read_only = true;
       },
       "INV-9", "would not be mounted as it was asked for"},
      {"beside_credentials", contained,
       [](Plan& p) {
         p.beside.push_back("/run/docker");
         p.agent.binds.push_back({"/run/docker", "/mnt/x", true});
       },
       "INV-1", "'/run' belongs to the system"},
      {"capability_more", contained, [](Plan& p) { p.agent.capabilities.emplace_back("NET_ADMIN"); }, "INV-8",
       "NET_ADMIN"},
      {"capability_more_in_dood", dood, [](Plan& p) { p.agent.capabilities.emplace_back("SYS_ADMIN"); },
       "INV-8", "SYS_ADMIN"},
      {"capability_less", contained, [](Plan& p) { p.agent.capabilities.pop_back(); }, "INV-8",
       "capabilities"},
      {"agent_root", contained, [](Plan& p) { p.agent.uid = 0; }, "INV-8", "the agent would be root"},
      {"agent_new_privileges", contained, [](Plan& p) { p.agent.no_new_privileges = false; }, "INV-8",
       "the agent could gain privileges"},
      {"agent_tmp_unbounded", contained, [](Plan& p) { p.agent.tmpfs.back().size = 0; }, "INV-8", "/tmp"},
      {"agent_tmp_missing", contained, [](Plan& p) { p.agent.tmpfs.pop_back(); }, "INV-8", "/tmp"},
      {"agent_pids_unlimited", contained, [](Plan& p) { p.agent.limits.pids = 0; }, "INV-8", "process limit"},
      {"agent_no_init", contained, [](Plan& p) { p.agent.init = false; }, "INV-11", "orphans"},
      {"agent_label_session", contained, [](Plan& p) { p.agent.labels["io.drydock.session"] = "ffffffff"; },
       "INV-11", "the agent does not carry"},
      {"agent_label_role", contained, [](Plan& p) { p.agent.labels.erase("io.drydock.role"); }, "INV-11",
       "the agent does not carry"},
      {"agent_label_owner", dood, [](Plan& p) { p.agent.labels.erase("io.drydock.owner-pid"); }, "INV-11",
       "the agent does not carry"},
      {"sidecar_label", contained, [](Plan& p) { p.sidecar->labels.clear(); }, "INV-11",
       "the sidecar does not carry"},
      {"network_label", contained, [](Plan& p) { p.networks[1].labels.clear(); }, "INV-11",
       "network 'drydock_egress_0123abcd' does not carry"},
      {"sidecar_missing", contained, [](Plan& p) { p.sidecar.reset(); }, "INV-9", "there is no sidecar"},
      {"network_missing", contained, [](Plan& p) { p.networks.pop_back(); }, "INV-9",
       "there is no sidecar, or not"},
      {"network_not_internal", contained, [](Plan& p) { p.networks[0].internal = false; }, "INV-9",
       "not one internal, one egress"},
      {"egress_internal", contained, [](Plan& p) { p.networks[1].internal = true; }, "INV-9",
       "not one internal, one egress"},
      {"networks_overlap", contained, [](Plan& p) { p.networks[1].subnet = p.networks[0].subnet; }, "INV-9",
       "overlap"},
      {"agent_host_network", contained, [](Plan& p) { p.agent.host_network = true; }, "INV-9",
       "another network"},
      {"agent_on_egress", contained, [](Plan& p) { p.agent.networks[0].network = p.networks[1].name; },
       "INV-9", "another network"},
      {"agent_on_both", contained,
       [](Plan& p) {
         p.agent.networks.push_back({p.networks[1].name, {}});
       },
       "INV-9", "another network"},
      {"agent_no_network", contained, [](Plan& p) { p.agent.networks.clear(); }, "INV-9", "another network"},
      {"agent_dns", contained, [](Plan& p) { p.agent.no_dns = false; }, "INV-9", "resolve names"},
      {"agent_ipv6", contained, [](Plan& p) { p.agent.sysctls.clear(); }, "INV-9", "IPv6"},
      {"agent_ipv6_on", contained, [](Plan& p) { p.agent.sysctls["net.ipv6.conf.all.disable_ipv6"] = "0"; },
       "INV-9", "IPv6"},
      {"probe_missing", contained, [](Plan& p) { p.probe.reset(); }, "INV-9", "would not check"},
      {"probe_elsewhere", contained, [](Plan& p) { p.probe->networks[0].address.value += 1; }, "INV-9",
       "stand elsewhere"},
      {"probe_on_egress", contained, [](Plan& p) { p.probe->networks[0].network = p.networks[1].name; },
       "INV-9", "stand elsewhere"},
      {"probe_dns", contained, [](Plan& p) { p.probe->no_dns = false; }, "INV-9", "stand elsewhere"},
      {"probe_sysctls", contained, [](Plan& p) { p.probe->sysctls.clear(); }, "INV-9", "stand elsewhere"},
      {"probe_image", contained, [](Plan& p) { p.probe->image = p.agent.image; }, "INV-9", "another program"},
      {"probe_program", contained, [](Plan& p) { p.probe->entrypoint[0] = "/bin/true"; }, "INV-9",
       "another program"},
      {"probe_root", contained, [](Plan& p) { p.probe->uid = 0; }, "INV-8", "have powers"},
      {"probe_mount", contained, [](Plan& p) { p.probe->binds = p.sidecar->binds; }, "INV-8", "have powers"},
      {"probe_capabilities", contained, [](Plan& p) { p.probe->capabilities = {"NET_RAW"}; }, "INV-8",
       "have powers"},
      {"probe_label", contained, [](Plan& p) { p.probe->labels.clear(); }, "INV-11",
       "the canary does not carry"},
      {"sidecar_one_network", contained, [](Plan& p) { p.sidecar->networks.pop_back(); }, "INV-9",
       "on its two networks"},
      {"sidecar_other_network", contained, [](Plan& p) { p.sidecar->networks[1].network = "bridge"; },
       "INV-9", "on its two networks"},
      {"agent_address_outside", contained, [](Plan& p) { p.agent.networks[0].address = {0x0a000001}; },
       "INV-9", "addresses"},
      {"sidecar_address_outside", contained, [](Plan& p) { p.sidecar->networks[1].address = {0x0a000001}; },
       "INV-9", "addresses"},
      {"same_address", contained,
       [](Plan& p) { p.agent.networks[0].address = p.sidecar->networks[1].address; }, "INV-9", "addresses"},
      {"proxy_HTTPS_PROXY", contained, proxy_variable("HTTPS_PROXY", "http://10.9.9.9:1"), "INV-9",
       "HTTPS_PROXY"},
      {"proxy_https_proxy", contained, proxy_variable("https_proxy", ""), "INV-9", "https_proxy"},
      {"proxy_HTTP_PROXY", contained, proxy_variable("HTTP_PROXY", "x"), "INV-9", "HTTP_PROXY"},
      {"proxy_http_proxy", contained, proxy_variable("http_proxy", "x"), "INV-9", "http_proxy"},
      {"proxy_ALL_PROXY", contained, proxy_variable("ALL_PROXY", "x"), "INV-9", "ALL_PROXY"},
      {"proxy_all_proxy", contained, [](Plan& p) { p.agent.environment.erase("all_proxy"); }, "INV-9",
       "all_proxy"},
      {"sidecar_capability", contained, [](Plan& p) { p.sidecar->capabilities = {"CHOWN"}; }, "INV-8",
       "the sidecar would have capabilities"},
      {"sidecar_root", contained, [](Plan& p) { p.sidecar->uid = 0; }, "INV-8", "the sidecar would be root"},
      {"sidecar_new_privileges", contained, [](Plan& p) { p.sidecar->no_new_privileges = false; }, "INV-8",
       "the sidecar could gain"},
      {"sidecar_writable", contained, [](Plan& p) { p.sidecar->read_only_root = false; }, "INV-8",
       "writable"},
      {"sidecar_host_network", contained, [](Plan& p) { p.sidecar->host_network = true; }, "INV-9",
       "on the host's network"},
      {"sidecar_router", contained, [](Plan& p) { p.sidecar->sysctls["net.ipv4.ip_forward"] = "1"; }, "INV-9",
       "router"},
      {"sidecar_router_by_default", contained,
       [](Plan& p) { p.sidecar->sysctls.erase("net.ipv4.ip_forward"); }, "INV-9", "router"},
      {"sidecar_sees_project", contained, [](Plan& p) { p.sidecar->binds.push_back(p.agent.binds[0]); },
       "INV-9", "more than its own configuration"},
      {"sidecar_writes_configuration", contained, [](Plan& p) { p.sidecar->binds[0].read_only = false; },
       "INV-9", "more than its own configuration"},
      {"sidecar_other_directory", contained, [](Plan& p) { p.sidecar->binds[0].source = "/srv"; }, "INV-9",
       "more than its own configuration"},
      {"filter_missing", contained, [](Plan& p) { p.sidecar_files.erase("filter"); }, "INV-9",
       "without its filter"},
      {"filter_other", contained, [](Plan& p) { p.sidecar_files["filter"] += "^x:443$\n"; }, "INV-9",
       "without its filter"},
      {"config_missing", contained, [](Plan& p) { p.sidecar_files.erase("tinyproxy.conf"); }, "INV-9",
       "without its filter"},
      {"filter_unanchored", contained,
       [](Plan& p) { p.filter = p.sidecar_files["filter"] = "example\\.org\n"; }, "INV-9",
       "cannot compile filter"},
      {"filter_anything", contained, [](Plan& p) { p.filter = p.sidecar_files["filter"] = "^.*:443$\n"; },
       "INV-9", "cannot compile filter"},
      {"config_listen", contained, with_line("Listen 0.0.0.0"), "INV-9", "holds 'Listen 0.0.0.0'"},
      {"config_own_port", contained, with_line("Port 8888"), "INV-9", "holds 'Port 8888'"},
      {"config_allow", contained, without_line("Allow 127.0.0.1"), "INV-9", "lacks 'Allow 127.0.0.1'"},
      {"config_deny", contained, without_line("FilterDefaultDeny Yes"), "INV-9",
       "lacks 'FilterDefaultDeny Yes'"},
      {"config_urls", contained, without_line("FilterURLs On"), "INV-9", "lacks 'FilterURLs On'"},
      {"config_type", contained, without_line("FilterType ere"), "INV-9", "lacks 'FilterType ere'"},
      {"config_port", contained, without_line("ConnectPort 443"), "INV-9", "lacks 'ConnectPort 443'"},
      {"config_filter", contained, with_line("filter \"/tmp/other\""), "INV-9", "holds 'filter "},
      {"config_second_port", contained, with_line("ConnectPort 22"), "INV-9", "'ConnectPort 22'"},
      {"config_second_allow", contained, with_line("Allow 0.0.0.0/0"), "INV-9", "'Allow 0.0.0.0/0'"},
      {"config_overridden", contained, with_line("FilterDefaultDeny No"), "INV-9", "'FilterDefaultDeny No'"},
      {"hosts_of_the_engine", contained, [](Plan& p) { p.agent.binds.pop_back(); }, "INV-9",
       "an /etc/hosts that is not drydock's"},
      {"hosts_writable", contained, [](Plan& p) { p.agent.binds.back().read_only = false; }, "INV-9",
       "an /etc/hosts that is not drydock's"},
      {"dood_sidecar", dood, [](Plan& p) { p.sidecar = contained().sidecar; }, "INV-6", "no sidecar"},
      {"dood_network", dood, [](Plan& p) { p.networks = contained().networks; }, "INV-6", "no networks"},
      {"dood_filter", dood, [](Plan& p) { p.filter = "^x:443$\n"; }, "INV-6", "filter"},
      {"dood_files", dood, [](Plan& p) { p.sidecar_files = contained().sidecar_files; }, "INV-6", "filter"},
  };
}

INSTANTIATE_TEST_SUITE_P(Each, Invariants, testing::ValuesIn(breaches()),
                         [](const auto& test) { return test.param.name; });

TEST(InvariantsOfSound, LimitsAreNotDemandedWhereTheyCannotHold) {
  PlanRequest request = test::sample_request();
  request.engine.enforces_pids = false;
  EXPECT_THAT(broken_invariants(build_plan(request)), IsEmpty());
}

TEST(InvariantsOfSound, AnEmptyAllowlistIsSound) {
  PlanRequest request = test::sample_request();
  request.allowlist = {};
  EXPECT_THAT(broken_invariants(build_plan(request)), IsEmpty());
}

TEST(InvariantsOfSound, EveryBreachIsTold) {
  Plan plan = contained();
  plan.agent.uid = 0;
  plan.agent.no_dns = plan.probe->no_dns = false;
  plan.agent.init = false;
  EXPECT_THAT(broken_invariants(plan), SizeIs(3));
}

}  // namespace
}  // namespace drydock::core
