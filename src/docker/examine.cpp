#include "docker/examine.hpp"

#include <utility>

#include "base/text.hpp"
#include "runtime/defects.hpp"

namespace drydock::docker {
namespace {

using runtime::EngineInfo;
using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

const std::vector<runtime::Defect>& own_defects() {
  static const std::vector<runtime::Defect> defects{
      {"CVE-2024-29018",
       "docker",
       {{{{1, 0}}, {{23, 0, 11}}}, {{{25, 0}}, {{25, 0, 5}}}},
       "a container on an internal network can ask the host's name server",
       "its containers have no name server"},
      {"CVE-2024-32473",
       "docker",
       {{{{26, 0, 0}}, {{26, 0, 2}}}},
       "IPv6 is on in networks without it",
       "IPv6 is switched off in its containers"},
      {"CVE-2025-54410",
       "docker",
       {{{{1, 0}}, {{25, 0, 13}}}, {{{26, 0}}, {{28, 0}}}},
       "a reload of firewalld opens its bridges to each other",
       "the agent is on an internal network, which stays shut"},
      {"CVE-2026-92543",
       "docker",
       {{{{1, 0}}, {{29, 8, 2}}}},
       "a name server can make it fetch images without TLS",
       ""},
  };
  return defects;
}

constexpr const char* bridge_setting = "net.bridge.bridge-nf-call-iptables";

Finding judge_bridges(const runtime::HostFacts& host, const EngineInfo& info) {
  const std::string setting = bridge_setting;
  const std::string useless =
      "the packet filter does not see what crosses a bridge, and enable_icc=false has no effect";
  if (info.filters_bridges == false) {
    return {"bridges", FindingStatus::warning, useless + " (" + setting + ")",
            "sudo modprobe br_netfilter; sudo sysctl " + setting + "=1; then restart Docker", false};
  }
  if (!info.filters_bridges && (info.rootless || !host.filters_bridges)) {
    // It may be switched on with the first network that needs it.
    return {
        "bridges", FindingStatus::not_checked,
        "whether the packet filter sees what crosses a bridge: this Docker does not tell, and " +
            (info.rootless ? "has a network namespace of its own" : "the kernel has no " + setting + " yet"),
        "", true};
  }
  if (!info.filters_bridges && *host.filters_bridges == 0) {
    return {"bridges", FindingStatus::warning,
            setting + " is 0: until Docker sets it for a new network, " + useless,
            "sudo sysctl " + setting + "=1", false};
  }
  return {"bridges", FindingStatus::ok, "the packet filter sees what crosses a bridge", "", true};
}

Finding judge_limits(const EngineInfo& info) {
  std::vector<std::string> missing;
  if (!info.enforces_memory) missing.emplace_back("memory");
  if (!info.enforces_cpus) missing.emplace_back("CPUs");
  if (!info.enforces_pids) missing.emplace_back("processes");
  if (missing.empty()) {
    return {"limits", FindingStatus::ok, "limits on memory, CPUs and processes are enforced", "", true};
  }
  return {"limits", FindingStatus::warning, "limits are not enforced here: " + join(missing, ", "),
          "have the kernel's controllers on (cgroup_enable=memory on its command line), then restart Docker",
          false};
}

}  // namespace

std::vector<std::string> examined_programs() { return {"dockerd"}; }

Findings examine(const runtime::HostFacts& host, const EngineInfo* info) {
  Findings findings;
  if (info == nullptr) return findings;
  findings.push_back(judge_bridges(host, *info));
  findings.push_back(judge_limits(*info));
  if (info->storage_driver == "vfs") {
    findings.push_back({"storage", FindingStatus::warning,
                        "the storage driver is vfs: each container is a whole copy of its image, and slow",
                        "set \"storage-driver\": \"overlay2\" in /etc/docker/daemon.json", false});
  } else {
    findings.push_back(
        {"storage", FindingStatus::ok, "the storage driver is " + info->storage_driver, "", true});
  }
  if (info->selinux) {
    findings.push_back({"selinux", FindingStatus::not_checked,
                        "SELinux is on: whether its label lets a session into the project is seen only there",
                        "if it does not: chcon -R -t container_file_t FOLDER", false});
  }
  for (const std::string& warning : info->warnings)
    findings.push_back({"engine-warning", FindingStatus::note, printable(trim(warning), 300), "", true});
  findings.push_back(
      {"parts", FindingStatus::ok, "it is made of " + runtime::describe(info->components), "", true});
  auto defects = own_defects();
  const auto& shared = runtime::oci_runtime_defects();
  defects.insert(defects.end(), shared.begin(), shared.end());
  for (Finding& finding : runtime::judge_defects(defects, info->components))
    findings.push_back(std::move(finding));
  return findings;
}

}  // namespace drydock::docker
