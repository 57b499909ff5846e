#include "podman/wire.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "podman/seccomp.hpp"
#include "runtime/inspect.hpp"

namespace drydock::podman {
namespace {

constexpr std::uint64_t cpu_period = 100000;

Json to_mounts(const runtime::ContainerSpec& spec) {
  Json mounts = Json::array();
  for (const runtime::BindMount& bind : spec.binds) {
    mounts.push_back({{"type", "bind"},
                      {"source", bind.source},
                      {"destination", bind.target},
                      {"options", Json::array({"rbind", "rprivate", bind.read_only ? "ro" : "rw"})}});
  }
  for (const runtime::TmpfsMount& tmpfs : spec.tmpfs) {
    Json options = Json::array({"rw", "exec", "nosuid", "nodev", "mode=" + runtime::octal(tmpfs.mode)});
    if (tmpfs.size > 0) options.push_back("size=" + std::to_string(tmpfs.size));
    mounts.push_back({{"type", "tmpfs"},
                      {"source", "tmpfs"},
                      {"destination", tmpfs.target},
                      {"options", std::move(options)}});
  }
  return mounts;
}

// To any that it is given Podman adds limits on descriptors and processes, 1048576 of each where it is
// rootful (its pkg/specgen/generate, addRlimits). A root without CAP_SYS_RESOURCE may not raise its own so
// far: those of the engine are taken to be drydock's.
Json no_core_files(bool rootless) {
  constexpr rlim_t podmans = 1048576;
  Json limits = Json::array({{{"type", "core"}, {"soft", 0}, {"hard", 0}}});
  if (rootless) return limits;
  for (const auto& [type, resource] :
       {std::pair{"nofile", RLIMIT_NOFILE}, std::pair{"nproc", RLIMIT_NPROC}}) {
    rlimit own{};
    if (::getrlimit(resource, &own) != 0) continue;
    const auto limit = std::min(own.rlim_max, podmans);
    limits.push_back({{"type", type}, {"soft", limit}, {"hard", limit}});
  }
  return limits;
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

// In the order of capabilities(7), which is that of their numbers.
// clang-format off
constexpr std::array all_capabilities{
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL",
    "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
    "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"};
// clang-format on

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
    report.sysctls = runtime::to_labels(find_member(*linux_part, "sysctl"));
    const Json* seccomp = find_member(*linux_part, "seccomp");
    report.seccomp_unconfined = seccomp == nullptr;
    report.may_unshare = seccomp == nullptr || allows_unshare(*seccomp);
  }
  if (const Json* process = find_member(spec, "process")) {
    report.no_new_privileges = bool_or(*process, "noNewPrivileges", false);
  }
}

void read_capabilities(const Json& json, runtime::ContainerReport& report) {
  for (std::string& name : strings_or_empty(json, "BoundingCaps")) {
    report.bounding_capabilities.push_back(runtime::without_cap_prefix(std::move(name)));
  }
  std::sort(report.bounding_capabilities.begin(), report.bounding_capabilities.end());
  report.process_capabilities = strings_or_empty(json, "EffectiveCaps");
}

std::uint64_t cpus_of(const Json& host) {
  const auto unsigned_or_zero = [&](std::string_view key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(host, key, 0)));
  };
  const std::uint64_t quota = unsigned_or_zero("CpuQuota");
  const std::uint64_t period = unsigned_or_zero("CpuPeriod");
  return period > 0 ? quota * 1000000000 / period : unsigned_or_zero("NanoCpus");
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
      {"log_configuration", {{"driver", "k8s-file"}, {"size", spec.log_limit}}},
      // Named, so that a containers.conf cannot choose the host's instead.
      {"pidns", {{"nsmode", "private"}}},
      {"ipcns", {{"nsmode", "private"}}},
      {"utsns", {{"nsmode", "private"}}},
      {"cgroupns", {{"nsmode", "private"}}},
  };
  if (spec.user_mapping == runtime::UserMapping::same_as_invoker && engine.rootless) {
    body["userns"] = {{"nsmode", "keep-id"}};
  }
  if (spec.no_core_files) body["r_limits"] = no_core_files(engine.rootless);
  if (!spec.oci_runtime.empty()) body["oci_runtime"] = spec.oci_runtime;
  if (!spec.hostname.empty()) body["hostname"] = spec.hostname;
  for (const std::uint32_t group : spec.groups) body["groups"].push_back(std::to_string(group));
  for (const runtime::HostEntry& entry : spec.host_entries)
    body["hostadd"].push_back(entry.name + ":" + entry.address);
  if (spec.no_dns) {
    body["dns_server"] = Json::array({"127.0.0.1"});
    body["dns_option"] = Json::array({"timeout:1", "attempts:1"});
    body["dns_search"] = Json::array({"."});
  }
  set_network(body, spec);
  return body;
}

runtime::ContainerReport to_container_report(const Json& json) {
  runtime::ContainerReport report = runtime::read_inspect(json, to_state);
  read_capabilities(json, report);
  report.oci_runtime = string_or(json, "OCIRuntime");
  if (const Json* host = find_member(json, "HostConfig")) report.limits.nano_cpus = cpus_of(*host);
  read_oci_spec(string_or(json, "OCIConfigPath"), report);
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
  summary.labels = runtime::to_labels(find_member(json, "Labels"));
  return summary;
}

}  // namespace drydock::podman
