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
  spec.oci_runtime = "runsc";
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
  spec.no_core_files = true;
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

namespace {

runtime::Labels labels_of(const Json& json) {
  runtime::Labels labels;
  for (const auto& [key, value] : json.items()) labels[key] = value;
  return labels;
}

runtime::Ipv4 address_on(const Json& container, const std::string& network) {
  return *runtime::Ipv4::parse(
      find_path(container, {"NetworkSettings", "Networks"})->at(network).at("IPAddress").get<std::string>());
}

}  // namespace

Asked recorded_request(const std::string& engine, const runtime::EngineInfo& info) {
  const Json agent = golden(engine + "/agent.json");
  const Json sidecar = golden(engine + "/sidecar.json");
  const runtime::Labels labels = labels_of(*find_path(agent, {"Config", "Labels"}));
  const std::string session = labels.at("io.drydock.session");
  Asked asked;
  for (const auto& [network, role] : {std::pair{&asked.internal, "internal"}, {&asked.egress, "egress"}}) {
    network->name = "drydock_" + std::string(role) + "_" + session;
    network->internal = network == &asked.internal;
    network->subnet = *runtime::Cidr::parse(address_on(sidecar, network->name).to_string() + "/29");
    network->labels = labels;
    network->labels["io.drydock.role"] = role;
    network->labels.erase("io.drydock.image");  // the image's own
  }
  const std::string proxy = "http://" + address_on(sidecar, asked.internal.name).to_string() + ":8888";

  asked.agent.name = "drydock-demo-" + session;
  asked.agent.uid = asked.agent.gid = 1000;
  asked.agent.labels = labels;
  asked.agent.capabilities = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"};
  asked.agent.init = true;
  asked.agent.binds = {{"/home/dev/demo", "/home/dev/demo", false}};
  if (engine == "podman") {
    asked.agent.binds.push_back(
        {"/run/user/1000/drydock/sessions/" + session + "/hosts", "/etc/hosts", true});
  }
  asked.agent.tmpfs = {{"/home/agent", 1U << 30, 01777}, {"/tmp", 1U << 30, 01777}};
  asked.agent.limits.pids = info.enforces_pids ? 4096 : 0;
  asked.agent.environment = {{"HOME", "/home/agent"},
                             {"DRYDOCK", "1"},
                             {"GREETING", "hello"},
                             {"HTTPS_PROXY", proxy},
                             {"all_proxy", proxy}};
  asked.agent.networks = {{asked.internal.name, asked.internal.subnet.at(3)}};
  asked.agent.no_dns = true;
  asked.agent.sysctls = {{"net.ipv6.conf.all.disable_ipv6", "1"}};

  asked.sidecar.name = asked.agent.name + "-egress";
  asked.sidecar.uid = asked.sidecar.gid = 65534;
  asked.sidecar.labels = asked.internal.labels;
  asked.sidecar.labels["io.drydock.role"] = "sidecar";
  asked.sidecar.read_only_root = true;
  asked.sidecar.binds = {{"/run/user/1000/drydock/sessions/" + session + "/sidecar", "/etc/drydock", true}};
  asked.sidecar.tmpfs = {{"/run", 1U << 20, 01777}, {"/tmp", 1U << 20, 01777}};
  if (info.enforces_memory) asked.sidecar.limits.memory = std::uint64_t{256} << 20;
  if (info.enforces_pids) asked.sidecar.limits.pids = 512;
  asked.sidecar.sysctls = {{"net.ipv4.ip_forward", "0"}, {"net.ipv6.conf.all.disable_ipv6", "1"}};
  asked.sidecar.networks = {{asked.egress.name, asked.egress.subnet.at(2)},
                            {asked.internal.name, asked.internal.subnet.at(2)}};
  return asked;
}

}  // namespace drydock::test
