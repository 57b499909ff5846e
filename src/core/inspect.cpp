#include "core/inspect.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/attendance.hpp"
#include "core/live_egress.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t max_line = 8192;  // the guard's lines are shorter

std::string state_word(runtime::ContainerState state) {
  switch (state) {
    case runtime::ContainerState::created:
      return "created";
    case runtime::ContainerState::running:
      return "running";
    case runtime::ContainerState::paused:
      return "paused";
    case runtime::ContainerState::exited:
      return "exited";
    case runtime::ContainerState::other:
      return "other";
  }
  return "other";
}

Json to_json(const runtime::ContainerReport& report) {
  Json json = {{"id", report.id},
               {"name", report.name},
               {"image_id", report.image_id},
               {"state", state_word(report.state)},
               {"pid", report.pid},
               {"exit_code", report.exit_code},
               {"oom_killed", report.oom_killed},
               {"user", report.user},
               {"workdir", report.workdir},
               {"oci_runtime", report.oci_runtime},
               {"tty", report.tty},
               {"environment", report.environment},
               {"labels", report.labels},
               {"capabilities", report.bounding_capabilities},
               {"no_new_privileges", report.no_new_privileges},
               {"privileged", report.privileged},
               {"read_only_root", report.read_only_root},
               {"host_network", report.host_network},
               {"sysctls", report.sysctls},
               {"name_servers", report.dns_servers},
               {"limits",
                {{"memory", report.limits.memory},
                 {"nano_cpus", report.limits.nano_cpus},
                 {"pids", report.limits.pids}}}};
  json["mounts"] = Json::array();
  for (const runtime::BindMount& bind : report.binds) {
    json["mounts"].push_back(
        {{"type", "bind"}, {"source", bind.source}, {"target", bind.target}, {"read_only", bind.read_only}});
  }
  for (const std::string& target : report.tmpfs_targets) {
    json["mounts"].push_back({{"type", "tmpfs"}, {"target", target}});
  }
  json["networks"] = Json::object();
  for (const runtime::NetworkAttachment& leg : report.networks) {
    json["networks"][leg.network] = leg.address.to_string();
  }
  return json;
}

Json to_json(const runtime::NetworkReport& network) {
  Json subnets = Json::array();
  for (const runtime::Cidr& subnet : network.subnets) subnets.push_back(subnet.to_string());
  return {{"id", network.id},     {"name", network.name},       {"internal", network.internal},
          {"ipv6", network.ipv6}, {"dns", network.dns_enabled}, {"host_address", network.host_address},
          {"subnets", subnets},   {"labels", network.labels}};
}

Json to_json(const LiveFilter& filter) {
  Json array = Json::array();
  for (const LiveEntry& entry : filter.entries()) {
    const Source source = parse_source(entry.source);
    Json object = {{"host", entry.pattern.to_string()},
                   {"pattern", entry.pattern.to_ere()},
                   {"source", source.name},
                   {"line", source.line}};
    if (entry.expires != 0) object["expires"] = entry.expires;
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace

Json to_json(const SessionRecord& session) {
  Json json = {{"id", session.id},           {"name", session.name},
               {"project", session.project}, {"agent", session.agent},
               {"mode", session.mode},       {"runtime", session.runtime},
               {"image", session.image},     {"status", status_word(session)},
               {"created", session.created}, {"detached", session.detached},
               {"keep", session.keep},       {"capture", session.capture}};
  json["expires"] = session.expires == 0 ? Json(nullptr) : Json(session.expires);
  return json;
}

std::optional<EgressCounts> egress_counts(runtime::Engine& engine, const SessionRecord& session) {
  if (session.sidecars.empty()) return std::nullopt;
  std::string text;
  try {
    engine.containers().read_log(session.sidecars.front(), {.tail = 1},
                                 [&](runtime::Channel, std::string_view piece) {
                                   text += piece;
                                   return text.size() < max_line;
                                 });
  } catch (const Error& error) {
    log::debug("{}", error.what());
    return std::nullopt;
  }
  return counts_in(trim(text));
}

Json inspect_session(runtime::Engine& engine, const SessionRecord& session) {
  Json warnings = Json::array();
  const auto try_to = [&](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::timeout) throw;
      warnings.push_back(error.what());
    }
  };
  Json containers = Json::object();
  const auto add = [&](const char* role, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      try_to([&] { containers[role] = to_json(engine.containers().inspect(name)); });
    }
  };
  add("agent", session.agents);
  add("sidecar", session.sidecars);
  add("probe", session.probes);
  Json networks = Json::array();
  for (const std::string& name : session.networks) {
    try_to([&] { networks.push_back(to_json(engine.networks().inspect(name))); });
  }

  Json plan = saved_plan(session.id);
  Json filter = nullptr;
  if (const Json* allowlist = find_member(plan, "allowlist")) filter = *allowlist;
  // What was added since, and what has ended, is in the guard's own file.
  if (!session.sidecars.empty()) try_to([&] { filter = to_json(read_live_filter(session)); });
  if (plan.is_null()) warnings.push_back("its plan is not known: it was made before a reboot, or elsewhere");
  const runtime::EngineInfo& info = engine.system().info();
  return {{"schema", 1},
          {"session", to_json(session)},
          {"engine",
           {{"name", info.engine},
            {"version", info.version},
            {"api_version", info.api_version},
            {"socket", info.socket},
            {"rootless", info.rootless}}},
          {"attached", others_attached(session.id)},
          {"containers", containers},
          {"networks", networks},
          {"filter", filter},
          {"plan", plan},
          {"warnings", warnings}};
}

}  // namespace drydock::core
