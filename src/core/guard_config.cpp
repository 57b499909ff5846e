#include "core/guard_config.hpp"

#include "base/json.hpp"
#include "core/proxy_config.hpp"

namespace drydock::core {
namespace {

std::vector<std::string> proxy_command() { return {"/usr/bin/tinyproxy", "-d"}; }

Json endpoint(runtime::Ipv4 address, unsigned port) {
  return {{"address", address.to_string()}, {"port", port}};
}

// The filter that the entries of the file make, canary last, or nothing when they are not understood.
std::optional<std::string> filter_of(const Json& json) {
  std::string filter;
  const auto add = [&filter](const Json& value) {
    if (!value.is_string()) return false;
    const auto pattern = read_host_pattern(value.get<std::string>());
    if (!pattern) return false;
    filter += pattern->to_ere() + "\n";
    return true;
  };
  const auto entries = json.find("entries");
  if (entries == json.end() || !entries->is_array()) return std::nullopt;
  for (const Json& entry : *entries) {
    if (!entry.is_object() || !entry.contains("pattern") || !add(entry["pattern"])) return std::nullopt;
  }
  if (!json.contains("canary") || !add(json["canary"])) return std::nullopt;
  return filter;
}

}  // namespace

std::string canary_name(const std::string& session) { return "canary-" + session + ".drydock.invalid"; }

std::string make_guard_config(const GuardSettings& settings) {
  Json entries = Json::array();
  for (const Entry& entry : settings.allowlist.entries()) {
    entries.push_back({{"pattern", entry.pattern.to_string()}, {"source", entry.source.to_string()}});
  }
  Json json = {{"generation", settings.generation},
               {"listen_port", guard_port},
               {"proxy", endpoint(settings.address, proxy_port)},
               {"transparent", endpoint(settings.address, transparent_port)},
               {"clients", settings.clients.to_string()},
               {"tinyproxy", proxy_command()},
               {"entries", entries},
               {"own_addresses", settings.own_addresses},
               {"public", settings.public_ranges},
               {"allow_private", settings.allow_private},
               {"canary", settings.canary},
               {"session", settings.session}};
  if (!settings.project.empty()) json["project"] = settings.project;
  if (settings.ask > 0) json["ask"] = settings.ask;
  if (settings.ends > 0) json["ends"] = settings.ends;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string guard_config_fault(std::string_view text, runtime::Ipv4 address, const runtime::Cidr& clients,
                               std::string_view filter) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return "its configuration is not JSON";
  const auto is = [&json](const char* key, const Json& value) {
    return json.contains(key) && json[key] == value;
  };
  if (!is("listen_port", guard_port)) return "it would not listen where the proxy hands tunnels on";
  if (!is("tinyproxy", proxy_command())) return "it would start another proxy";
  if (!is("proxy", endpoint(address, proxy_port)) ||
      !is("transparent", endpoint(address, transparent_port))) {
    return "it would listen elsewhere than at the sidecar";
  }
  if (!is("clients", clients.to_string())) return "it would serve others than the agent";
  if (filter_of(json) != filter) return "its entries are not those of the filter";
  return {};
}

}  // namespace drydock::core
