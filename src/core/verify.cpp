#include "core/verify.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

using Differences = std::vector<std::string>;

std::string yes_no(bool value) { return value ? "yes" : "no"; }

void compare(Differences& found, std::string_view what, const std::string& planned,
             const std::string& actual) {
  if (planned != actual) {
    found.push_back(std::string(what) + " should be '" + planned + "' and is '" + actual + "'");
  }
}

void compare(Differences& found, std::string_view what, bool planned, bool actual) {
  compare(found, what, yes_no(planned), yes_no(actual));
}

template <typename Map>
void compare_contained(Differences& found, std::string_view what, const Map& planned, const Map& actual) {
  for (const auto& [key, value] : planned) {
    const auto entry = actual.find(key);
    compare(found, std::string(what) + " " + key, value, entry == actual.end() ? "(absent)" : entry->second);
  }
}

std::string describe(const std::vector<runtime::BindMount>& binds) {
  std::vector<std::string> lines;
  for (const runtime::BindMount& bind : binds) {
    lines.push_back(bind.source + ":" + bind.target + (bind.read_only ? ":ro" : ":rw"));
  }
  std::sort(lines.begin(), lines.end());
  return join(lines, " ");
}

std::string describe(const std::vector<runtime::NetworkAttachment>& networks, bool addresses) {
  std::vector<std::string> lines;
  for (const runtime::NetworkAttachment& leg : networks) {
    lines.push_back(addresses ? leg.network + "=" + leg.address.to_string() : leg.network);
  }
  std::sort(lines.begin(), lines.end());
  return join(lines, " ");
}

void compare_networks(Differences& found, const runtime::ContainerSpec& spec,
                      const runtime::ContainerReport& report, bool running) {
  compare(found, "host network", spec.host_network, report.host_network);
  if (spec.host_network) return;
  compare(found, "networks", describe(spec.networks, running), describe(report.networks, running));
  if (spec.no_dns) compare(found, "name servers", std::string("127.0.0.1"), join(report.dns_servers, " "));
}

}  // namespace

std::vector<std::string> differences(const runtime::ContainerSpec& spec,
                                     const runtime::ContainerReport& report, bool running) {
  Differences found;
  auto capabilities = spec.capabilities;
  std::sort(capabilities.begin(), capabilities.end());
  compare(found, "capabilities", join(capabilities, " "), join(report.bounding_capabilities, " "));
  compare(found, "the process's own capabilities", std::string(), join(report.process_capabilities, " "));
  // A name may have been given to another image meanwhile.
  if (!spec.image_id.empty()) compare(found, "image", spec.image_id, report.image_id);
  compare(found, "privileged", false, report.privileged);
  compare(found, "no new privileges", spec.no_new_privileges, report.no_new_privileges);
  compare(found, "seccomp unconfined", false, report.seccomp_unconfined);
  compare(found, "namespaces of its own", false, report.may_unshare);
  compare(found, "read-only root", spec.read_only_root, report.read_only_root);
  compare(found, "init", spec.init, report.init);
  compare(found, "user", std::to_string(spec.uid) + ":" + std::to_string(spec.gid), report.user);
  if (!spec.oci_runtime.empty()) compare(found, "OCI runtime", spec.oci_runtime, report.oci_runtime);
  compare(found, "terminal", spec.tty, report.tty);
  compare(found, "host pid namespace", false, report.host_pid);
  compare(found, "host ipc namespace", false, report.host_ipc);
  compare(found, "host cgroup namespace", false, report.host_cgroups);
  if (spec.no_core_files) compare(found, "no core files", true, report.no_core_files);
  compare(found, "mounts", describe(spec.binds), describe(report.binds));
  for (const runtime::TmpfsMount& mount : spec.tmpfs) {
    const bool there = std::find(report.tmpfs_targets.begin(), report.tmpfs_targets.end(), mount.target) !=
                       report.tmpfs_targets.end();
    compare(found, "tmpfs at " + mount.target, true, there);
  }
  compare(found, "memory limit", std::to_string(spec.limits.memory), std::to_string(report.limits.memory));
  compare(found, "CPU limit", std::to_string(spec.limits.nano_cpus), std::to_string(report.limits.nano_cpus));
  compare(found, "process limit", std::to_string(spec.limits.pids), std::to_string(report.limits.pids));
  if (report.reports_sysctls) compare_contained(found, "sysctl", spec.sysctls, report.sysctls);
  compare_contained(found, "label", spec.labels, report.labels);
  compare_contained(found, "variable", spec.environment, report.environment);
  compare_networks(found, spec, report, running);
  return found;
}

std::vector<std::string> differences(const runtime::NetworkSpec& spec, const runtime::NetworkReport& report) {
  Differences found;
  compare(found, "internal", spec.internal, report.internal);
  compare(found, "IPv6", false, report.ipv6);
  if (spec.internal) {
    compare(found, "host address on the bridge", false, report.host_address);
  } else {
    compare(found, "isolation", true, report.members_isolated);
  }
  std::vector<std::string> subnets;
  for (const runtime::Cidr& subnet : report.subnets) subnets.push_back(subnet.to_string());
  compare(found, "subnet", spec.subnet.to_string(), join(subnets, " "));
  compare_contained(found, "label", spec.labels, report.labels);
  return found;
}

namespace {

void refuse(const std::string& object, const Differences& found) {
  if (found.empty()) return;
  throw Error(ErrorKind::refused,
              "cannot trust " + object + ": the engine made it otherwise than asked: " + join(found, "; "),
              "the session was not started; report this with the engine's version");
}

}  // namespace

void verify(const runtime::ContainerSpec& spec, const runtime::ContainerReport& report, bool running) {
  refuse("container '" + spec.name + "'", differences(spec, report, running));
}

void verify(const runtime::NetworkSpec& spec, const runtime::NetworkReport& report) {
  refuse("network '" + spec.name + "'", differences(spec, report));
}

}  // namespace drydock::core
