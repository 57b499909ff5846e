#include "core/plan_json.hpp"

#include "base/text.hpp"
#include "base/version.hpp"

namespace drydock::core {
namespace {

Json to_json(const runtime::NetworkSpec& network) {
  return {{"name", network.name},
          {"subnet", network.subnet.to_string()},
          {"internal", network.internal},
          {"ipv6", false},
          {"labels", network.labels}};
}

Json to_json(const runtime::Limits& limits) {
  return {{"memory", limits.memory}, {"nano_cpus", limits.nano_cpus}, {"pids", limits.pids}};
}

Json to_json(const runtime::ContainerSpec& container) {
  Json json = {{"name", container.name},
               {"image", container.image},
               {"entrypoint", container.entrypoint},
               {"command", container.command},
               {"environment", container.environment},
               {"workdir", container.workdir},
               {"hostname", container.hostname},
               {"oci_runtime", container.oci_runtime},
               {"user", std::to_string(container.uid) + ":" + std::to_string(container.gid)},
               {"groups", container.groups},
               {"labels", container.labels},
               {"capabilities", container.capabilities},
               {"no_new_privileges", container.no_new_privileges},
               {"read_only_root", container.read_only_root},
               {"init", container.init},
               {"tty", container.tty},
               {"limits", to_json(container.limits)},
               {"sysctls", container.sysctls},
               {"host_network", container.host_network},
               {"dns", !container.no_dns}};
  json["mounts"] = Json::array();
  for (const runtime::BindMount& bind : container.binds) {
    json["mounts"].push_back(
        {{"type", "bind"}, {"source", bind.source}, {"target", bind.target}, {"read_only", bind.read_only}});
  }
  for (const runtime::TmpfsMount& tmpfs : container.tmpfs) {
    json["mounts"].push_back({{"type", "tmpfs"}, {"target", tmpfs.target}, {"size", tmpfs.size}});
  }
  json["networks"] = Json::object();
  for (const runtime::NetworkAttachment& leg : container.networks) {
    json["networks"][leg.network] = leg.address.to_string();
  }
  json["hosts"] = Json::object();
  for (const runtime::HostEntry& entry : container.host_entries) json["hosts"][entry.name] = entry.address;
  return json;
}

}  // namespace

Json to_json(const Plan& plan) {
  Json json = {
      {"schema", 1},
      {"version", version},
      {"session", plan.session},
      {"name", plan.name},
      {"project", {{"path", plan.project.path}, {"name", plan.project.name}, {"key", plan.project.key}}},
      {"mode", std::string(to_string(plan.mode))},
      {"mode_reason", plan.mode_reason},
      {"topology", std::string(to_string(plan.topology))},
      {"agent", plan.agent_name},
      {"runtime", plan.engine.engine},
      {"engine",
       {{"version", plan.engine.version},
        {"api_version", plan.engine.api_version},
        {"socket", plan.engine.socket},
        {"rootless", plan.engine.rootless}}},
      {"notices", plan.notices}};
  json["networks"] = Json::array();
  for (const runtime::NetworkSpec& network : plan.networks) json["networks"].push_back(to_json(network));
  json["containers"] = {{"agent", to_json(plan.agent)}};
  if (plan.sidecar) json["containers"]["sidecar"] = to_json(*plan.sidecar);
  if (plan.probe) json["containers"]["probe"] = to_json(*plan.probe);
  json["canary"] = plan.wall_checks;
  json["allowlist"] = Json::array();
  for (const Entry& entry : plan.allowlist.entries()) {
    json["allowlist"].push_back({{"host", entry.pattern.to_string()},
                                 {"pattern", entry.pattern.to_ere()},
                                 {"source", entry.source.name},
                                 {"line", entry.source.line}});
  }
  json["sidecar_files"] = plan.sidecar_files;
  json["secrets"] = plan.secrets;
  json["secret_variables"] = plan.secret_variables;
  json["state"] = nullptr;
  if (plan.state) {
    json["state"] = {{"home", plan.state->home},
                     {"transcripts", plan.state->transcripts},
                     {"whole", plan.state->whole},
                     {"login", plan.state->login}};
  }
  return json;
}

std::string to_text(const Plan& plan) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += std::string(name) + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') + value + "\n";
  };
  line("session", plan.session);
  line("project", plan.project.path);
  line("mode", std::string(to_string(plan.mode)) + " (" + plan.mode_reason + ")");
  line("runtime",
       plan.engine.engine + " " + plan.engine.version + (plan.engine.rootless ? ", rootless" : ", rootful"));
  line("image", plan.agent.image);
  line("command", join(plan.agent.command, " "));
  line("user", std::to_string(plan.agent.uid) + ":" + std::to_string(plan.agent.gid));
  for (const runtime::BindMount& bind : plan.agent.binds) {
    line("mount", bind.source + (bind.read_only ? " (read-only)" : ""));
  }
  for (const runtime::TmpfsMount& tmpfs : plan.agent.tmpfs) {
    line("tmpfs", tmpfs.target + ", " + std::to_string(tmpfs.size >> 20) + " MiB");
  }
  for (const std::string& name : plan.secrets) line("secret", name);
  for (const runtime::NetworkSpec& network : plan.networks) {
    line("network",
         network.name + ", " + network.subnet.to_string() + (network.internal ? ", internal" : ""));
  }
  if (plan.topology == Topology::host) line("network", "the host's own");
  if (plan.sidecar) line("sidecar", plan.sidecar->image);
  if (plan.sidecar) line("canary", plan.probe ? join(plan.wall_checks, ", ") : "none");
  for (const Entry& entry : plan.allowlist.entries()) {
    const std::string from = entry.source.line > 0
                                 ? entry.source.name + ":" + std::to_string(entry.source.line)
                                 : entry.source.name;
    line("allow", entry.pattern.to_string() + "  (" + from + ")");
  }
  for (const std::string& notice : plan.notices) line("note", notice);
  return text;
}

}  // namespace drydock::core
