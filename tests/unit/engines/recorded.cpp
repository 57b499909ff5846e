#include "recorded.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace drydock::test {

std::string golden_text(const std::string& name) {
  std::ifstream file(std::string(DRYDOCK_GOLDEN) + "/" + name);
  EXPECT_TRUE(file) << name << " is not there";
  return {std::istreambuf_iterator<char>(file), {}};
}

Json golden(const std::string& name) { return parse_json(golden_text(name), name); }

void expect_golden(const std::string& name, const Json& actual) {
  if (std::getenv("DRYDOCK_ACCEPT") != nullptr) {
    std::ofstream(std::string(DRYDOCK_GOLDEN) + "/" + name) << actual.dump(2) << "\n";
    FAIL() << name << " was written; read it, and run the test again";
  }
  const Json expected = golden(name);
  EXPECT_EQ(actual, expected) << Json::diff(expected, actual).dump(2);
}

runtime::ContainerSpec full_spec() {
  runtime::ContainerSpec spec;
  spec.name = "name";
  spec.image = "localhost/image:1";
  spec.entrypoint = {"/entry", "--first"};
  spec.command = {"command", "with space"};
  spec.environment = {{"A", "1"}, {"B", "x=y z"}};
  spec.workdir = "/srv/demo";
  spec.uid = 1000;
  spec.gid = 1001;
  spec.user_mapping = runtime::UserMapping::same_as_invoker;
  spec.groups = {999, 44};
  spec.labels = {{"io.drydock.session", "0123abcd"}};
  spec.capabilities = {"CHOWN", "SETUID"};
  spec.read_only_root = true;
  spec.init = true;
  spec.tty = true;
  spec.open_stdin = true;
  spec.binds = {{"/srv/demo", "/srv/demo", false}, {"/srv/lib", "/lib2", true}};
  spec.tmpfs = {{"/tmp", 4096, 01777}, {"/run", 0, 0755}};
  spec.limits = {std::uint64_t{1} << 30, 1'500'000'000, 77};
  spec.sysctls = {{"net.ipv4.ip_forward", "0"}};
  spec.networks = {{"first", *runtime::Ipv4::parse("10.231.0.2")},
                   {"second", *runtime::Ipv4::parse("10.231.0.10")}};
  spec.no_dns = true;
  spec.host_entries = {{"drydock-egress", "10.231.0.2"}};
  return spec;
}

core::Plan recorded_plan(const std::string& engine, const runtime::EngineInfo& info) {
  const Json agent = golden(engine + "/agent.json");
  runtime::Labels labels;
  for (const auto& [key, value] : find_path(agent, {"Config", "Labels"})->items()) labels[key] = value;
  core::PlanRequest request;
  request.session = labels.at("io.drydock.session");
  request.label_name = labels.at("io.drydock.name");
  request.project = {labels.at("io.drydock.project"), "demo", "demo-0"};
  request.mode = {core::Mode::contained, "the default"};
  request.agent_name = labels.at("io.drydock.agent");
  request.engine = info;
  request.image = "localhost/drydock-test:latest";
  request.command = {"sleep", "30"};
  request.environment = {{"GREETING", "hello"}};
  request.detached = true;
  request.uid = request.gid = 1000;
  request.owner = core::Owner::read_from(labels).value();
  request.created = labels.at("io.drydock.created");
  const auto networks = *find_path(golden(engine + "/sidecar.json"), {"NetworkSettings", "Networks"});
  const auto subnet_of = [&](const std::string& role) {
    const Json& leg = networks.at("drydock_" + role + "_" + request.session);
    return *runtime::Cidr::parse(leg.at("IPAddress").get<std::string>() + "/29");
  };
  request.internal_subnet = subnet_of("internal");
  request.egress_subnet = subnet_of("egress");
  request.sidecar_directory = "/run/user/1000/drydock/sessions/" + request.session + "/sidecar";
  return core::build_plan(request);
}

}  // namespace drydock::test
