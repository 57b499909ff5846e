#include "docker/wire.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace drydock::docker {
namespace {

std::string octal(unsigned mode) {
  char text[16] = {};
  const auto [end, error] = std::to_chars(text, text + sizeof text, mode, 8);
  return error == std::errc{} ? std::string(text, end) : "0";
}

Json to_mounts(const std::vector<runtime::BindMount>& binds) {
  // Mounts, not Binds: a missing source is an error here, there it becomes a folder of root's.
  Json mounts = Json::array();
  for (const runtime::BindMount& bind : binds) {
    mounts.push_back({{"Type", "bind"},
                      {"Source", bind.source},
                      {"Target", bind.target},
                      {"ReadOnly", bind.read_only},
                      {"BindOptions", {{"Propagation", "rprivate"}}}});
  }
  return mounts;
}

Json to_tmpfs(const std::vector<runtime::TmpfsMount>& tmpfs) {
  Json map = Json::object();
  for (const runtime::TmpfsMount& mount : tmpfs) {
    std::string options = "rw,exec,nosuid,nodev,mode=" + octal(mount.mode);
    if (mount.size > 0) options += ",size=" + std::to_string(mount.size);
    map[mount.target] = options;
  }
  return map;
}

runtime::ContainerState to_state(const std::string& status) {
  if (status == "created") return runtime::ContainerState::created;
  if (status == "running" || status == "restarting") return runtime::ContainerState::running;
  if (status == "paused") return runtime::ContainerState::paused;
  if (status == "exited" || status == "dead") return runtime::ContainerState::exited;
  return runtime::ContainerState::other;
}

runtime::Labels to_labels(const Json* json) {
  runtime::Labels labels;
  if (json == nullptr) return labels;
  for (const auto& [key, value] : json->items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

std::string without_cap_prefix(std::string capability) {
  return starts_with(capability, "CAP_") ? capability.substr(4) : capability;
}

void read_mounts(const Json& json, runtime::ContainerReport& report) {
  const Json* mounts = find_member(json, "Mounts");
  if (mounts == nullptr) return;
  for (const Json& mount : *mounts) {
    const std::string type = string_or(mount, "Type");
    const std::string target = string_or(mount, "Destination");
    if (type == "bind") {
      report.binds.push_back({string_or(mount, "Source"), target, !bool_or(mount, "RW", true)});
    } else if (type != "tmpfs") {
      report.volumes.push_back(target);
    }
  }
}

void read_host_config(const Json& host, runtime::ContainerReport& report) {
  const auto dropped = strings_or_empty(host, "CapDrop");
  const bool dropped_all = std::any_of(dropped.begin(), dropped.end(), [](const std::string& name) {
    return without_cap_prefix(name) == "ALL";
  });
  for (std::string& name : strings_or_empty(host, "CapAdd")) {
    report.effective_capabilities.push_back(without_cap_prefix(std::move(name)));
  }
  // Docker reports what was asked; without ALL dropped the default set is there as well.
  if (!dropped_all) report.effective_capabilities.emplace_back("(engine default)");
  std::sort(report.effective_capabilities.begin(), report.effective_capabilities.end());
  for (const std::string& option : strings_or_empty(host, "SecurityOpt")) {
    if (starts_with(option, "no-new-privileges") && !ends_with(option, "false"))
      report.no_new_privileges = true;
    if (option == "seccomp=unconfined" || option == "seccomp:unconfined") report.seccomp_unconfined = true;
  }
  report.privileged = bool_or(host, "Privileged", false);
  report.read_only_root = bool_or(host, "ReadonlyRootfs", false);
  report.init = bool_or(host, "Init", false);
  if (const Json* tmpfs = find_member(host, "Tmpfs")) {
    for (const auto& [target, unused] : tmpfs->items()) report.tmpfs_targets.push_back(target);
  }
  report.limits.memory = static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(host, "Memory", 0)));
  report.limits.nano_cpus =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(host, "NanoCpus", 0)));
  report.limits.pids = std::max<std::int64_t>(0, int_or(host, "PidsLimit", 0));
  for (const auto& [name, value] : to_labels(find_member(host, "Sysctls"))) report.sysctls[name] = value;
  report.host_network = string_or(host, "NetworkMode") == "host";
  report.host_pid = string_or(host, "PidMode") == "host";
  report.host_ipc = string_or(host, "IpcMode") == "host";
  report.dns_servers = strings_or_empty(host, "Dns");
  for (const std::string& entry : strings_or_empty(host, "ExtraHosts")) {
    const auto colon = entry.find(':');
    if (colon != std::string::npos)
      report.host_entries.push_back({entry.substr(0, colon), entry.substr(colon + 1)});
  }
  for (const std::string& group : strings_or_empty(host, "GroupAdd")) {
    std::uint32_t id = 0;
    if (std::from_chars(group.data(), group.data() + group.size(), id).ec == std::errc{})
      report.groups.push_back(id);
  }
}

}  // namespace

Json to_endpoint(const runtime::NetworkAttachment& attachment) {
  return {{"IPAMConfig", {{"IPv4Address", attachment.address.to_string()}}}};
}

Json to_create_body(const runtime::ContainerSpec& spec) {
  Json environment = Json::array();
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);

  Json host = {
      {"CapDrop", Json::array({"ALL"})},
      {"CapAdd", spec.capabilities},
      {"SecurityOpt", Json::array()},
      {"ReadonlyRootfs", spec.read_only_root},
      {"Init", spec.init},
      {"Mounts", to_mounts(spec.binds)},
      {"Tmpfs", to_tmpfs(spec.tmpfs)},
      {"Sysctls", spec.sysctls},
      {"RestartPolicy", {{"Name", "no"}}},
      {"IpcMode", "private"},
      {"LogConfig", {{"Type", "json-file"}, {"Config", {{"max-size", "10m"}, {"max-file", "2"}}}}},
  };
  if (spec.no_new_privileges) host["SecurityOpt"].push_back("no-new-privileges");
  if (spec.limits.memory > 0) {
    host["Memory"] = spec.limits.memory;
    host["MemorySwap"] = spec.limits.memory;
  }
  if (spec.limits.nano_cpus > 0) host["NanoCpus"] = spec.limits.nano_cpus;
  if (spec.limits.pids > 0) host["PidsLimit"] = spec.limits.pids;
  for (const std::uint32_t group : spec.groups) host["GroupAdd"].push_back(std::to_string(group));
  for (const runtime::HostEntry& entry : spec.host_entries) {
    host["ExtraHosts"].push_back(entry.name + ":" + entry.address);
  }
  if (spec.no_dns) {
    // The embedded resolver would forward: to nowhere, and without waiting 10 s for it.
    host["Dns"] = Json::array({"127.0.0.1"});
    host["DnsOptions"] = Json::array({"timeout:1", "attempts:1"});
    host["DnsSearch"] = Json::array({"."});
  }

  Json body = {
      {"Image", spec.image},
      {"Entrypoint", spec.entrypoint.empty() ? Json::array({""}) : Json(spec.entrypoint)},
      {"Cmd", spec.command},
      {"Env", environment},
      {"WorkingDir", spec.workdir},
      {"User", std::to_string(spec.uid) + ":" + std::to_string(spec.gid)},
      {"Labels", spec.labels},
      {"Tty", spec.tty},
      {"OpenStdin", spec.open_stdin},
      {"StdinOnce", spec.open_stdin},
      {"AttachStdin", spec.open_stdin},
      {"AttachStdout", true},
      {"AttachStderr", true},
  };
  if (spec.host_network) {
    host["NetworkMode"] = "host";
  } else if (spec.networks.empty()) {
    host["NetworkMode"] = "none";
  } else {
    const runtime::NetworkAttachment& first = spec.networks.front();
    host["NetworkMode"] = first.network;
    body["NetworkingConfig"] = {{"EndpointsConfig", {{first.network, to_endpoint(first)}}}};
  }
  body["HostConfig"] = std::move(host);
  return body;
}

runtime::ContainerReport to_container_report(const Json& json) {
  runtime::ContainerReport report;
  report.id = require_string(json, "Id");
  report.name = string_or(json, "Name");
  if (starts_with(report.name, "/")) report.name.erase(0, 1);
  report.image_id = string_or(json, "Image");
  if (const Json* state = find_member(json, "State")) {
    report.state = to_state(string_or(*state, "Status"));
    report.exit_code = static_cast<int>(int_or(*state, "ExitCode", 0));
    report.oom_killed = bool_or(*state, "OOMKilled", false);
    report.error = string_or(*state, "Error");
    report.pid = static_cast<int>(int_or(*state, "Pid", 0));
  }
  if (const Json* config = find_member(json, "Config")) {
    report.labels = to_labels(find_member(*config, "Labels"));
    report.user = string_or(*config, "User");
    report.workdir = string_or(*config, "WorkingDir");
    report.tty = bool_or(*config, "Tty", false);
    report.open_stdin = bool_or(*config, "OpenStdin", false);
    for (const std::string& entry : strings_or_empty(*config, "Env")) {
      const auto equals = entry.find('=');
      if (equals != std::string::npos) report.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  read_mounts(json, report);
  if (const Json* host = find_member(json, "HostConfig")) read_host_config(*host, report);
  if (const Json* networks = find_path(json, {"NetworkSettings", "Networks"})) {
    for (const auto& [name, endpoint] : networks->items()) {
      const auto address = runtime::Ipv4::parse(string_or(endpoint, "IPAddress"));
      report.networks.push_back({name, address.value_or(runtime::Ipv4{})});
    }
  }
  return report;
}

runtime::ContainerSummary to_container_summary(const Json& json) {
  runtime::ContainerSummary summary;
  summary.id = require_string(json, "Id");
  const auto names = strings_or_empty(json, "Names");
  if (!names.empty())
    summary.name = starts_with(names.front(), "/") ? names.front().substr(1) : names.front();
  summary.image = string_or(json, "Image");
  summary.state = to_state(string_or(json, "State"));
  summary.status = string_or(json, "Status");
  summary.created = int_or(json, "Created", 0);
  summary.labels = to_labels(find_member(json, "Labels"));
  return summary;
}

}  // namespace drydock::docker
