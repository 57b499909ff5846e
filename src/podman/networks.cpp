#include "base/error.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"
#include "runtime/inspect.hpp"

namespace drydock::podman {
namespace {

runtime::NetworkReport to_report(const Json& json) {
  runtime::NetworkReport report;
  report.id = string_or(json, "id");
  report.name = string_or(json, "name");
  report.internal = bool_or(json, "internal", false);
  report.ipv6 = bool_or(json, "ipv6_enabled", false);
  report.dns_enabled = bool_or(json, "dns_enabled", false);
  report.host_address = false;
  if (const Json* subnets = find_member(json, "subnets"); subnets != nullptr && subnets->is_array()) {
    for (const Json& entry : *subnets) {
      if (const auto subnet = runtime::Cidr::parse(string_or(entry, "subnet")))
        report.subnets.push_back(*subnet);
      // The gateway is the host's address on the bridge; with name service it has one even without.
      if (!string_or(entry, "gateway").empty()) report.host_address = true;
    }
  }
  if (report.dns_enabled) report.host_address = true;
  if (const Json* options = find_member(json, "options")) {
    const std::string isolate = string_or(*options, "isolate");
    report.members_isolated = isolate == "true" || isolate == "strict";
  }
  report.labels = runtime::to_labels(find_member(json, "labels"));
  return report;
}

bool says_taken(std::string_view message) {
  return message.find("already used") != std::string_view::npos ||
         message.find("already being used") != std::string_view::npos;
}

}  // namespace

std::string PodmanNetworks::create(const runtime::NetworkSpec& spec) {
  // Without a gateway in an internal subnet the bridge gets no address of the host's; aardvark-dns
  // before 1.11 forwards names from internal networks, so there is none.
  const Json body = {
      {"name", spec.name},
      {"driver", "bridge"},
      {"internal", spec.internal},
      {"ipv6_enabled", false},
      {"dns_enabled", false},
      {"subnets", Json::array({{{"subnet", spec.subnet.to_string()}}})},
      {"options", {{"isolate", "true"}}},
      {"labels", spec.labels},
  };
  try {
    const Json answer = api_.call({.purpose = "create network '" + spec.name + "'",
                                   .method = "POST",
                                   .path = "/networks/create",
                                   .body = body,
                                   .awaited = true});
    return require_string(answer, "id");
  } catch (const Error& error) {
    if (says_taken(error.what())) throw Error(ErrorKind::conflict, error.what());
    throw;
  }
}

runtime::NetworkReport PodmanNetworks::inspect(const std::string& name) {
  return to_report(api_.call(
      {.purpose = "inspect network '" + name + "'", .path = "/networks/" + url_encode(name) + "/json"}));
}

std::vector<runtime::NetworkReport> PodmanNetworks::list() {
  std::vector<runtime::NetworkReport> reports;
  for (const Json& entry : api_.call({.purpose = "list networks", .path = "/networks/json"})) {
    reports.push_back(to_report(entry));
  }
  return reports;
}

void PodmanNetworks::remove(const std::string& name) {
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

}  // namespace drydock::podman
