#include "docker/wire.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "runtime/inspect.hpp"

namespace drydock::docker {
namespace {

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
    std::string options = "rw,exec,nosuid,nodev,mode=" + runtime::octal(mount.mode);
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

// Docker reports what was asked; without ALL dropped the default set is there as well.
void read_capabilities(const Json& host, runtime::ContainerReport& report) {
  const auto dropped = strings_or_empty(host, "CapDrop");
  const bool dropped_all = std::any_of(dropped.begin(), dropped.end(), [](const std::string& name) {
    return runtime::without_cap_prefix(name) == "ALL";
  });
  for (std::string& name : strings_or_empty(host, "CapAdd")) {
    report.bounding_capabilities.push_back(runtime::without_cap_prefix(std::move(name)));
  }
  if (!dropped_all) report.bounding_capabilities.emplace_back("(engine default)");
  std::sort(report.bounding_capabilities.begin(), report.bounding_capabilities.end());
}

// Of two files the older one is dropped when the newer is full.
Json to_log_config(std::uint64_t limit) {
  return {{"Type", "json-file"},
          {"Config", {{"max-size", std::to_string(limit >> 20) + "m"}, {"max-file", "2"}}}};
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
      // Named, so that the daemon's configuration cannot choose the host's instead.
      {"IpcMode", "private"},
      {"CgroupnsMode", "private"},
      {"LogConfig", to_log_config(spec.log_limit)},
  };
  if (spec.no_core_files) host["Ulimits"].push_back({{"Name", "core"}, {"Soft", 0}, {"Hard", 0}});
  if (!spec.oci_runtime.empty()) host["Runtime"] = spec.oci_runtime;
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
  if (!spec.hostname.empty()) body["Hostname"] = spec.hostname;
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
  runtime::ContainerReport report = runtime::read_inspect(json, to_state);
  if (starts_with(report.name, "/")) report.name.erase(0, 1);
  if (const Json* host = find_member(json, "HostConfig")) {
    read_capabilities(*host, report);
    report.oci_runtime = string_or(*host, "Runtime");
    report.limits.nano_cpus =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(*host, "NanoCpus", 0)));
    report.sysctls = runtime::to_labels(find_member(*host, "Sysctls"));
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
  summary.labels = runtime::to_labels(find_member(json, "Labels"));
  return summary;
}

}  // namespace drydock::docker
