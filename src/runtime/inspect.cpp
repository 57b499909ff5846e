#include "runtime/inspect.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace drydock::runtime {
namespace {

// Docker names it "core", Podman "RLIMIT_CORE".
bool has_core_limit(const Json& host) {
  const Json* limits = find_member(host, "Ulimits");
  if (limits == nullptr || !limits->is_array()) return false;
  return std::any_of(limits->begin(), limits->end(), [](const Json& limit) {
    const std::string name = string_or(limit, "Name");
    return (name == "core" || name == "RLIMIT_CORE") && int_or(limit, "Hard", -1) == 0 &&
           int_or(limit, "Soft", -1) == 0;
  });
}

void read_state(const Json& state, const std::function<ContainerState(const std::string&)>& state_of,
                ContainerReport& report) {
  report.state = state_of(string_or(state, "Status"));
  report.exit_code = static_cast<int>(int_or(state, "ExitCode", 0));
  report.oom_killed = bool_or(state, "OOMKilled", false);
  report.error = string_or(state, "Error");
  report.pid = static_cast<int>(int_or(state, "Pid", 0));
}

void read_config(const Json& config, ContainerReport& report) {
  report.labels = to_labels(find_member(config, "Labels"));
  report.user = string_or(config, "User");
  report.workdir = string_or(config, "WorkingDir");
  report.tty = bool_or(config, "Tty", false);
  report.open_stdin = bool_or(config, "OpenStdin", false);
  for (const std::string& entry : strings_or_empty(config, "Env")) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos) report.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
}

void read_mounts(const Json& mounts, ContainerReport& report) {
  for (const Json& mount : mounts) {
    const std::string type = string_or(mount, "Type");
    const std::string target = string_or(mount, "Destination");
    if (type == "bind") {
      report.binds.push_back({string_or(mount, "Source"), target, !bool_or(mount, "RW", true)});
    } else if (type != "tmpfs") {
      report.volumes.push_back(target);
    }
  }
}

void read_host_config(const Json& host, ContainerReport& report) {
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
  report.limits.pids = std::max<std::int64_t>(0, int_or(host, "PidsLimit", 0));
  report.host_network = string_or(host, "NetworkMode") == "host";
  report.host_pid = string_or(host, "PidMode") == "host";
  report.host_ipc = string_or(host, "IpcMode") == "host";
  // Docker's name of it and Podman's.
  report.host_cgroups = string_or(host, "CgroupnsMode") == "host" || string_or(host, "CgroupMode") == "host";
  report.no_core_files = has_core_limit(host);
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

Labels to_labels(const Json* object) {
  Labels labels;
  if (object == nullptr) return labels;
  for (const auto& [key, value] : object->items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

std::string without_cap_prefix(std::string capability) {
  return starts_with(capability, "CAP_") ? capability.substr(4) : capability;
}

std::string octal(unsigned mode) {
  char text[16] = {};
  const auto [end, error] = std::to_chars(text, text + sizeof text, mode, 8);
  return error == std::errc{} ? std::string(text, end) : "0";
}

ContainerReport read_inspect(const Json& json,
                             const std::function<ContainerState(const std::string&)>& state_of) {
  ContainerReport report;
  report.id = require_string(json, "Id");
  report.name = string_or(json, "Name");
  report.image_id = string_or(json, "Image");
  if (const Json* state = find_member(json, "State")) read_state(*state, state_of, report);
  if (const Json* config = find_member(json, "Config")) read_config(*config, report);
  if (const Json* mounts = find_member(json, "Mounts")) read_mounts(*mounts, report);
  if (const Json* host = find_member(json, "HostConfig")) read_host_config(*host, report);
  if (const Json* networks = find_path(json, {"NetworkSettings", "Networks"})) {
    for (const auto& [name, endpoint] : networks->items()) {
      const auto address = Ipv4::parse(string_or(endpoint, "IPAddress"));
      report.networks.push_back({name, address.value_or(Ipv4{})});
    }
  }
  return report;
}

ImageReport read_image_inspect(const Json& json) {
  ImageReport report;
  report.id = require_string(json, "Id");
  report.tags = strings_or_empty(json, "RepoTags");
  report.digests = strings_or_empty(json, "RepoDigests");
  report.os = string_or(json, "Os");
  report.architecture = string_or(json, "Architecture");
  report.annotations = to_labels(find_member(json, "Annotations"));
  if (const Json* config = find_member(json, "Config")) {
    report.labels = to_labels(find_member(*config, "Labels"));
    report.command = strings_or_empty(*config, "Cmd");
    report.entrypoint = strings_or_empty(*config, "Entrypoint");
    report.environment = strings_or_empty(*config, "Env");
    report.user = string_or(*config, "User");
    if (const Json* volumes = find_member(*config, "Volumes")) {
      for (const auto& [path, unused] : volumes->items()) report.volumes.push_back(path);
    }
  }
  return report;
}

std::vector<ImageSummary> read_image_list(const Json& json) {
  std::vector<ImageSummary> images;
  for (const Json& entry : json) {
    images.push_back({require_string(entry, "Id"), strings_or_empty(entry, "RepoTags"),
                      to_labels(find_member(entry, "Labels"))});
  }
  return images;
}

}  // namespace drydock::runtime
