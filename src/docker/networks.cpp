#include "base/error.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"
#include "runtime/inspect.hpp"

namespace drydock::docker {
namespace {

constexpr std::string_view inhibit_ipv4 = "com.docker.network.bridge.inhibit_ipv4";
constexpr std::string_view enable_icc = "com.docker.network.bridge.enable_icc";

runtime::NetworkReport to_report(const Json& json) {
  runtime::NetworkReport report;
  report.id = string_or(json, "Id");
  report.name = string_or(json, "Name");
  report.internal = bool_or(json, "Internal", false);
  report.ipv6 = bool_or(json, "EnableIPv6", false);
  // Docker's resolver is there on every network of the user's; only the container's own Dns setting closes
  // it.
  report.dns_enabled = true;
  if (const Json* options = find_member(json, "Options")) {
    report.host_address = string_or(*options, inhibit_ipv4) != "true";
    report.members_isolated = string_or(*options, enable_icc) == "false";
  }
  if (const Json* config = find_path(json, {"IPAM", "Config"}); config != nullptr && config->is_array()) {
    for (const Json& entry : *config) {
      if (const auto subnet = runtime::Cidr::parse(string_or(entry, "Subnet")))
        report.subnets.push_back(*subnet);
    }
  }
  report.labels = runtime::to_labels(find_member(json, "Labels"));
  return report;
}

}  // namespace

std::string DockerNetworks::create(const runtime::NetworkSpec& spec) {
  Json options = Json::object();
  if (spec.internal) {
    // An internal bridge still gives the host an address on it, and 20.10 a default route to that.
    options[inhibit_ipv4] = "true";
  } else {
    options[enable_icc] = "false";
  }
  const Json body = {
      {"Name", spec.name},
      {"Driver", "bridge"},
      {"CheckDuplicate", true},
      {"Internal", spec.internal},
      {"EnableIPv6", false},
      {"IPAM", {{"Driver", "default"}, {"Config", Json::array({{{"Subnet", spec.subnet.to_string()}}})}}},
      {"Options", options},
      {"Labels", spec.labels},
  };
  try {
    const Json answer = api_.call({.purpose = "create network '" + spec.name + "'",
                                   .method = "POST",
                                   .path = "/networks/create",
                                   .body = body,
                                   .awaited = true});
    if (const std::string warning = string_or(answer, "Warning"); !warning.empty()) {
      remove(require_string(answer, "Id"));
      throw Error(ErrorKind::engine, "cannot create network '" + spec.name + "': " + printable(warning));
    }
    return require_string(answer, "Id");
  } catch (const Error& error) {
    // 403 "Pool overlaps with other one on this address space"
    if (std::string_view(error.what()).find("overlaps") != std::string_view::npos) {
      throw Error(ErrorKind::conflict, error.what());
    }
    throw;
  }
}

runtime::NetworkReport DockerNetworks::inspect(const std::string& name) {
  return to_report(
      api_.call({.purpose = "inspect network '" + name + "'", .path = "/networks/" + url_encode(name)}));
}

std::vector<runtime::NetworkReport> DockerNetworks::list() {
  std::vector<runtime::NetworkReport> reports;
  for (const Json& entry : api_.call({.purpose = "list networks", .path = "/networks"})) {
    reports.push_back(to_report(entry));
  }
  return reports;
}

void DockerNetworks::remove(const std::string& name) {
  try {
    api_.call({.purpose = "remove network '" + name + "'",
               .method = "DELETE",
               .path = "/networks/" + url_encode(name),
               .patient = true,
               .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

}  // namespace drydock::docker
