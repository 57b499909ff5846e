#include "sample_plan.hpp"

#include "core/canary.hpp"

namespace drydock::test {
namespace {

core::PlanRequest common_request() {
  core::PlanRequest request;
  request.session = "0123abcd";
  request.label_name = "night";
  request.project = {"/srv/projects/demo", "demo", "demo-11223344"};
  request.agent_name = "shell";
  request.engine.engine = "podman";
  request.engine.version = "4.3.1";
  request.engine.socket = "unix:///run/user/1000/podman/podman.sock";
  request.engine.rootless = true;
  request.engine.cgroup_version = "v2";
  request.engine.enforces_memory = true;
  request.engine.enforces_cpus = true;
  request.engine.enforces_pids = true;
  request.image = "localhost/agent:1";
  request.sidecar_image = "localhost/drydock-egress:1";
  request.command = {"true", "--flag"};
  request.uid = 1000;
  request.gid = 1001;
  request.owner = core::Owner::self();
  request.created = "2024-05-06T07:08:09Z";
  return request;
}

}  // namespace

core::PlanRequest sample_request() {
  core::PlanRequest request = common_request();
  request.mode = {core::Mode::contained, "the default"};
  for (const auto& entry : core::parse_allowlist_text("example.org\n*.example.com\n", "test")) {
    request.allowlist.add(entry);
  }
  request.internal_subnet = *runtime::Cidr::parse("10.231.0.8/29");
  request.egress_subnet = *runtime::Cidr::parse("10.231.0.16/29");
  request.wall_checks = core::canary_checks();
  request.git.paths = {{"/srv/projects/demo/.git", false, 1, 2, "/srv/projects/demo/.git"},
                       {"/srv/projects/demo/.git/hooks", true, 1, 3, "/srv/projects/demo/.git/hooks"}};
  request.sidecar_directory = "/run/user/1000/drydock/sessions/0123abcd/sidecar";
  request.hosts_file = "/run/user/1000/drydock/sessions/0123abcd/hosts";
  return request;
}

core::PlanRequest sample_dood_request() {
  core::PlanRequest request = common_request();
  request.mode = {core::Mode::dood, "--mode dood"};
  request.engine.engine = "docker";
  request.engine.rootless = false;
  request.engine.socket = "unix:///run/docker.sock";
  request.engine_socket = "/run/docker.sock";
  request.engine_socket_gid = 999;
  return request;
}

}  // namespace drydock::test
