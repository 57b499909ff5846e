// The plan that --dry-run prints is what a run makes: compared with what the engine's own command line says.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"
#include "runtime/address.hpp"

namespace drydock::conformance {
namespace {

using runtime::Cidr;
using runtime::Ipv4;

class Plan : public Conformance {
 protected:
  // What both engines' inspect can be brought to: the settings of a container, by the plan's names.
  struct Made {
    std::set<std::string> capabilities;
    std::set<std::string> mounts;  // source:target:ro|rw, tmpfs:target
    std::map<std::string, std::string> networks;
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> sysctls;
    std::map<std::string, std::string> environment;
    std::string user;
    std::string workdir;
    bool read_only_root = false;
    std::int64_t memory = 0;
    std::int64_t pids = 0;
  };

  Json inspect(const std::string& name) const {
    const Outcome outcome = engine("inspect " + name);
    EXPECT_EQ(outcome.status, 0) << outcome;
    return parse_json(outcome.out, "inspect").front();
  }

  Made made(const std::string& name) const {
    const Json json = inspect(name);
    const Json& host = *find_member(json, "HostConfig");
    const Json& config = *find_member(json, "Config");
    Made result;
    const auto capabilities =
        backend() == "podman" ? strings_or_empty(json, "BoundingCaps") : strings_or_empty(host, "CapAdd");
    for (const std::string& capability : capabilities) {
      result.capabilities.insert(starts_with(capability, "CAP_") ? capability.substr(4) : capability);
    }
    for (const Json& mount : *find_member(json, "Mounts")) {
      if (string_or(mount, "Type") != "bind") continue;
      result.mounts.insert(string_or(mount, "Source") + ":" + string_or(mount, "Destination") +
                           (bool_or(mount, "RW", true) ? ":rw" : ":ro"));
    }
    for (const auto& [target, unused] : find_member(host, "Tmpfs")->items())
      result.mounts.insert("tmpfs:" + target);
    for (const auto& [network, leg] : find_path(json, {"NetworkSettings", "Networks"})->items()) {
      result.networks[network] = string_or(leg, "IPAddress");
    }
    for (const auto& [key, value] : find_member(config, "Labels")->items())
      result.labels[key] = value.get<std::string>();
    for (const std::string& entry : strings_or_empty(config, "Env")) {
      result.environment[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
    }
    const Json oci = backend() == "podman" ? read_json(string_or(json, "OCIConfigPath")) : Json();
    const Json* sysctls =
        backend() == "podman" ? find_path(oci, {"linux", "sysctl"}) : find_member(host, "Sysctls");
    if (sysctls != nullptr) {
      for (const auto& [key, value] : sysctls->items()) result.sysctls[key] = value.get<std::string>();
    }
    result.user = string_or(config, "User");
    result.workdir = string_or(config, "WorkingDir");
    result.read_only_root = bool_or(host, "ReadonlyRootfs", false);
    result.memory = int_or(host, "Memory", 0);
    result.pids = std::max<std::int64_t>(0, int_or(host, "PidsLimit", 0));
    return result;
  }

  static Json read_json(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return parse_json(text.str(), path);
  }

  // Labels and variables that differ from one run to the next.
  static bool differs_by_nature(const std::string& name) {
    return name == "io.drydock.created" || name == "io.drydock.owner-pid" ||
           name == "io.drydock.owner-start" || name == "io.drydock.detached";
  }
};

Json session_of(Json json, const std::string& planned, const std::string& real) {
  std::string text = json.dump();
  for (auto at = text.find(planned); at != std::string::npos; at = text.find(planned, at + real.size())) {
    text.replace(at, planned.size(), real);
  }
  return parse_json(text, "the plan");
}

TEST_P(Plan, INV_TheEngineHasWhatTheDryRunPrinted) {
  const std::string options = "--allow allowed.test -e COLOUR=blue --tmpfs-size 64m";
  const Outcome images = engine("images -q");
  const Outcome dry =
      drydock("--json run --dry-run --image " + std::string(test_image) + " " + options + " -- sleep 1000");
  ASSERT_EQ(dry.status, 0) << dry;
  EXPECT_EQ(leftovers(), "") << "a dry run made something";
  EXPECT_EQ(engine("images -q").out, images.out) << "a dry run made an image";

  const Outcome started = run("-q -d " + options, "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const Json raw = parse_json(dry.out, "the plan");
  const Json plan = session_of(raw, require_string(raw, "session"), id);

  std::map<std::string, Cidr> planned_subnets;
  std::map<std::string, Cidr> real_subnets;
  for (const Json& network : *find_member(plan, "networks")) {
    const std::string name = require_string(network, "name");
    planned_subnets[name] = *Cidr::parse(require_string(network, "subnet"));
    const Outcome outcome = engine("network inspect " + name);
    ASSERT_EQ(outcome.status, 0) << outcome;
    const Json real = parse_json(outcome.out, "network inspect").front();
    const Json* subnets =
        backend() == "podman" ? find_member(real, "subnets") : find_path(real, {"IPAM", "Config"});
    ASSERT_NE(subnets, nullptr);
    ASSERT_EQ(subnets->size(), 1U);
    real_subnets[name] =
        *Cidr::parse(string_or(subnets->front(), backend() == "podman" ? "subnet" : "Subnet"));
    EXPECT_EQ(real_subnets[name].prefix, planned_subnets[name].prefix);
    EXPECT_EQ(bool_or(real, backend() == "podman" ? "internal" : "Internal", false),
              bool_or(network, "internal", true));
  }
  EXPECT_EQ(planned_subnets.size(), 2U);

  for (const auto& [role, container] : find_member(plan, "containers")->items()) {
    SCOPED_TRACE(role);
    if (role == "probe") {
      // It showed the jail closed and has gone; what it was is the business of Canary.
      EXPECT_NE(engine("inspect " + require_string(container, "name")).status, 0);
      continue;
    }
    const Made real = made(require_string(container, "name"));
    const auto capabilities = strings_or_empty(container, "capabilities");
    EXPECT_EQ(real.capabilities, std::set<std::string>(capabilities.begin(), capabilities.end()));
    EXPECT_EQ(real.user, require_string(container, "user"));
    EXPECT_EQ(real.workdir, require_string(container, "workdir"));
    EXPECT_EQ(real.read_only_root, bool_or(container, "read_only_root", false));
    std::set<std::string> mounts;
    for (const Json& mount : *find_member(container, "mounts")) {
      const std::string target = require_string(mount, "target");
      mounts.insert(require_string(mount, "type") == "tmpfs"
                        ? "tmpfs:" + target
                        : require_string(mount, "source") + ":" + target +
                              (bool_or(mount, "read_only", false) ? ":ro" : ":rw"));
    }
    EXPECT_EQ(real.mounts, mounts);
    const Json& legs = *find_member(container, "networks");
    EXPECT_EQ(real.networks.size(), legs.size());
    for (const auto& [network, planned] : legs.items()) {
      const auto there = real.networks.find(network);
      ASSERT_NE(there, real.networks.end()) << network;
      const auto address = Ipv4::parse(there->second);
      ASSERT_TRUE(address) << there->second;
      // Another subnet may have been free by then; the place in it is fixed.
      EXPECT_EQ(address->value - real_subnets[network].base.value,
                Ipv4::parse(planned.get<std::string>())->value - planned_subnets[network].base.value);
    }
    for (const auto& [key, value] : find_member(container, "labels")->items()) {
      ASSERT_EQ(real.labels.count(key), 1U) << key;
      if (differs_by_nature(key)) continue;
      EXPECT_EQ(real.labels.at(key), value.get<std::string>()) << key;
    }
    for (const auto& [key, value] : find_member(container, "sysctls")->items()) {
      ASSERT_EQ(real.sysctls.count(key), 1U) << key;
      EXPECT_EQ(real.sysctls.at(key), value.get<std::string>()) << key;
    }
    const Json& limits = *find_member(container, "limits");
    EXPECT_EQ(real.memory, int_or(limits, "memory", -1));
    EXPECT_EQ(real.pids, int_or(limits, "pids", -1));
  }
  EXPECT_EQ(made(require_string(*find_path(plan, {"containers", "agent"}), "name")).environment.at("COLOUR"),
            "blue");
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Plan, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
