#include "podman/wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "podman/seccomp.hpp"

namespace drydock::podman {
namespace {

constexpr std::uint64_t cpu_period = 100000;
constexpr std::int64_t log_size = std::int64_t{10} << 20;

std::string octal(unsigned mode) {
  char text[16] = {};
  const auto [end, error] = std::to_chars(text, text + sizeof text, mode, 8);
  return error == std::errc{} ? std::string(text, end) : "0";
}

Json to_mounts(const runtime::ContainerSpec& spec) {
  Json mounts = Json::array();
  for (const runtime::BindMount& bind : spec.binds) {
    mounts.push_back({{"type", "bind"},
                      {"source", bind.source},
                      {"destination", bind.target},
                      {"options", Json::array({"rbind", "rprivate", bind.read_only ? "ro" : "rw"})}});
  }
  for (const runtime::TmpfsMount& tmpfs : spec.tmpfs) {
    Json options = Json::array({"rw", "exec", "nosuid", "nodev", "mode=" + octal(tmpfs.mode)});
    if (tmpfs.size > 0) options.push_back("size=" + std::to_string(tmpfs.size));
    mounts.push_back({{"type", "tmpfs"},
                      {"source", "tmpfs"},
                      {"destination", tmpfs.target},
                      {"options", std::move(options)}});
  }
  return mounts;
}

Json to_limits(const runtime::Limits& limits, bool enforces_pids) {
  Json json = Json::object();
  if (limits.memory > 0) json["memory"] = {{"limit", limits.memory}, {"swap", limits.memory}};
  if (limits.nano_cpus > 0) {
    json["cpu"] = {{"period", cpu_period}, {"quota", limits.nano_cpus / (1000000000 / cpu_period)}};
  }
  // Podman's own default would make the start fail where the controller is missing: zero takes it away.
  if (limits.pids > 0 || !enforces_pids) json["pids"] = {{"limit", limits.pids}};
  return json;
}

void set_network(Json& body, const runtime::ContainerSpec& spec) {
  if (spec.host_network) {
    body["netns"] = {{"nsmode", "host"}};
    return;
  }
  if (spec.networks.empty()) {
    body["netns"] = {{"nsmode", "none"}};
    return;
  }
  body["netns"] = {{"nsmode", "bridge"}};
  for (const runtime::NetworkAttachment& attachment : spec.networks) {
    body["Networks"][attachment.network] = {{"static_ips", Json::array({attachment.address.to_string()})}};
  }
}

runtime::ContainerState to_state(const std::string& status) {
  if (status == "created" || status == "initialized" || status == "configured") {
    return runtime::ContainerState::created;
  }
  if (status == "running" || status == "stopping") return runtime::ContainerState::running;
  if (status == "paused") return runtime::ContainerState::paused;
  if (status == "exited" || status == "stopped") return runtime::ContainerState::exited;
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

std::string without_cap_prefix(const std::string& capability) {
  return starts_with(capability, "CAP_") ? capability.substr(4) : capability;
}

// In the order of capabilities(7), which is that of their numbers.
constexpr std::array all_capabilities{"CHOWN",
                                      "DAC_OVERRIDE",
                                      "DAC_READ_SEARCH",
                                      "FOWNER",
                                      "FSETID",
                                      "KILL",
                                      "SETGID",
                                      "SETUID",
                                      "SETPCAP",
                                      "LINUX_IMMUTABLE",
                                      "NET_BIND_SERVICE",
                                      "NET_BROADCAST",
                                      "NET_ADMIN",
                                      "NET_RAW",
                                      "IPC_LOCK",
                                      "IPC_OWNER",
                                      "SYS_MODULE",
                                      "SYS_RAWIO",
                                      "SYS_CHROOT",
                                      "SYS_PTRACE",
                                      "SYS_PACCT",
                                      "SYS_ADMIN",
                                      "SYS_BOOT",
                                      "SYS_NICE",
                                      "SYS_RESOURCE",
                                      "SYS_TIME",
                                      "SYS_TTY_CONFIG",
                                      "MKNOD",
                                      "LEASE",
                                      "AUDIT_WRITE",
                                      "AUDIT_CONTROL",
                                      "SETFCAP",
                                      "MAC_OVERRIDE",
                                      "MAC_ADMIN",
                                      "SYSLOG",
                                      "WAKE_ALARM",
                                      "BLOCK_SUSPEND",
                                      "AUDIT_READ",
                                      "PERFMON",
                                      "BPF",
                                      "CHECKPOINT_RESTORE"};

// Podman refuses to drop what the kernel does not know.
std::size_t known_capabilities() {
  std::ifstream file("/proc/sys/kernel/cap_last_cap");
  std::size_t last = 0;
  return file >> last ? std::min(last + 1, all_capabilities.size()) : all_capabilities.size();
}

// What cap_add names becomes ambient for a process that is not root, and so effective. To have capabilities
// in the bounding set alone they are kept from Podman's default set, by dropping all others by name.
Json dropped_capabilities(const std::vector<std::string>& kept) {
  if (kept.empty()) return Json::array({"ALL"});
  Json dropped = Json::array();
  for (std::size_t i = 0; i < known_capabilities(); ++i) {
    if (std::find(kept.begin(), kept.end(), all_capabilities[i]) == kept.end())
      dropped.push_back(all_capabilities[i]);
  }
  return dropped;
}

// Podman's inspect leaves these out; the OCI specification that the container runs with has them.
void read_oci_spec(const std::string& path, runtime::ContainerReport& report) {
  report.reports_sysctls = false;
  std::ifstream file(path);
  if (path.empty() || !file) return;
  std::ostringstream text;
  text << file.rdbuf();
  const Json spec = parse_json(text.str(), "the container's OCI specification");
  report.reports_sysctls = true;
  if (const Json* linux_part = find_member(spec, "linux")) {
    report.sysctls = to_labels(find_member(*linux_part, "sysctl"));
    const Json* seccomp = find_member(*linux_part, "seccomp");
    report.seccomp_unconfined = seccomp == nullptr;
    report.may_unshare = seccomp == nullptr || allows_unshare(*seccomp);
  }
  if (const Json* process = find_member(spec, "process")) {
    report.no_new_privileges = bool_or(*process, "noNewPrivileges", false);
  }
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
  for (const std::string& option : strings_or_empty(host, "SecurityOpt")) {
    if (starts_with(option, "no-new-privileges")) report.no_new_privileges = true;
    if (option == "seccomp=unconfined") report.seccomp_unconfined = true;
  }
  report.privileged = bool_or(host, "Privileged", false);
  report.read_only_root = bool_or(host, "ReadonlyRootfs", false);
  report.init = bool_or(host, "Init", false);
  if (const Json* tmpfs = find_member(host, "Tmpfs")) {
    for (const auto& [target, unused] : tmpfs->items()) report.tmpfs_targets.push_back(target);
  }
  const auto unsigned_or_zero = [&](std::string_view key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(host, key, 0)));
  };
  report.limits.memory = unsigned_or_zero("Memory");
  const std::uint64_t quota = unsigned_or_zero("CpuQuota");
  const std::uint64_t period = unsigned_or_zero("CpuPeriod");
  report.limits.nano_cpus = period > 0 ? quota * 1000000000 / period : unsigned_or_zero("NanoCpus");
  report.limits.pids = std::max<std::int64_t>(0, int_or(host, "PidsLimit", 0));
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

Json to_create_body(const runtime::ContainerSpec& spec, const runtime::EngineInfo& engine) {
  Json body = {
      {"name", spec.name},
      {"image", spec.image},
      {"entrypoint", spec.entrypoint.empty() ? Json::array({""}) : Json(spec.entrypoint)},
      {"command", spec.command},
      {"env", spec.environment},
      {"work_dir", spec.workdir},
      {"user", std::to_string(spec.uid) + ":" + std::to_string(spec.gid)},
      {"labels", spec.labels},
      {"terminal", spec.tty},
      {"stdin", spec.open_stdin},
      {"cap_drop", dropped_capabilities(spec.capabilities)},
      {"no_new_privileges", spec.no_new_privileges},
      {"read_only_filesystem", spec.read_only_root},
      {"init", spec.init},
      {"mounts", to_mounts(spec)},
      {"sysctl", spec.sysctls},
      {"resource_limits", to_limits(spec.limits, engine.enforces_pids)},
      {"httpproxy", false},
      {"systemd", "false"},
      {"restart_policy", "no"},
      {"image_volume_mode", "ignore"},
      {"log_configuration", {{"driver", "k8s-file"}, {"size", log_size}}},
      // Named, so that a containers.conf cannot choose the host's instead.
      {"pidns", {{"nsmode", "private"}}},
      {"ipcns", {{"nsmode", "private"}}},
      {"utsns", {{"nsmode", "private"}}},
  };
  if (spec.user_mapping == runtime::UserMapping::same_as_invoker && engine.rootless) {
    body["userns"] = {{"nsmode", "keep-id"}};
  }
  for (const std::uint32_t group : spec.groups) body["groups"].push_back(std::to_string(group));
  for (const runtime::HostEntry& entry : spec.host_entries)
    body["hostadd"].push_back(entry.name + ":" + entry.address);
  if (spec.no_dns) {
    body["dns_server"] = Json::array({"127.0.0.1"});
    body["dns_option"] = Json::array({"timeout:1", "attempts:1"});
    body["dns_search"] = Json::array({"."});
    // Podman 5: without the host's own entries. 4.3 ignores the member.
    body["base_hosts_file"] = "none";
  }
  set_network(body, spec);
  return body;
}

runtime::ContainerReport to_container_report(const Json& json) {
  runtime::ContainerReport report;
  report.id = require_string(json, "Id");
  report.name = string_or(json, "Name");
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
  for (const std::string& name : strings_or_empty(json, "BoundingCaps")) {
    report.effective_capabilities.push_back(without_cap_prefix(name));
  }
  std::sort(report.effective_capabilities.begin(), report.effective_capabilities.end());
  report.process_capabilities = strings_or_empty(json, "EffectiveCaps");
  read_mounts(json, report);
  if (const Json* host = find_member(json, "HostConfig")) read_host_config(*host, report);
  read_oci_spec(string_or(json, "OCIConfigPath"), report);
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
  if (!names.empty()) summary.name = names.front();
  summary.image = string_or(json, "Image");
  summary.state = to_state(string_or(json, "State"));
  summary.status = string_or(json, "Status");
  summary.created = parse_rfc3339(string_or(json, "Created")).value_or(0);
  summary.labels = to_labels(find_member(json, "Labels"));
  return summary;
}

}  // namespace drydock::podman
