#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "core/doctor_checks.hpp"
#include "core/launch.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

// An older drydock shared it between sessions; now each session has its own.
constexpr const char* old_network = "drydock_net";

Findings judge_engine(runtime::Engine& engine, const runtime::EngineProvider& provider,
                      const runtime::HostFacts& host, Mode mode, runtime::EngineInfo& info) {
  info = engine.system().info();
  Findings findings{ok_finding("connect", "it answers at " + info.socket + ", API " + info.api_version)};
  try {
    require_supported(info, mode);
    findings.push_back(
        ok_finding("supported", std::string(to_string(mode)) + " sessions are supported on it"));
  } catch (const Error& error) {
    findings.push_back(problem_of("supported", error, "use another engine (--runtime)"));
  }
  for (Finding& finding : provider.judge(host, &info)) findings.push_back(std::move(finding));
  const auto networks = engine.networks().list();
  const bool old = std::any_of(networks.begin(), networks.end(), [](const runtime::NetworkReport& network) {
    return network.name == old_network;
  });
  if (old) {
    findings.push_back({"old-network", FindingStatus::warning,
                        std::string("a network is named ") + old_network +
                            ", as an older drydock's; sessions have their own now, and what else "
                            "may be on it was "
                            "not looked at",
                        "if nothing of yours is told by " + provider.name() + " ps -a --filter network=" +
                            old_network + ": " + provider.name() + " network rm " + old_network,
                        false});
  }
  return findings;
}

class Examination {
 public:
  Examination(const DoctorOptions& options, Mode mode, StopSource& stop, DoctorReport& report)
      : options_(options), mode_(mode), stop_(stop), report_(report) {}

  void of(const runtime::EngineProvider& provider) {
    const auto host = runtime::read_host_facts(options_.host, provider.programs());
    if (!provider.present() && options_.runtime != provider.name()) {
      report_.engines.push_back({provider.name(), false, false, {}, {}});
      report_.engines.back().findings.push_back(
          {"connect", FindingStatus::note, provider.name() + " is not on this machine", "", false});
      return;
    }
    const std::string url = options_.runtime == provider.name() ? options_.url : std::string();
    const bool answered = reach(provider, host, url, true);
    const std::string known = answered ? report_.engines.back().info->socket : std::string();
    for (const std::string& other : provider.sockets()) {
      if (other != known && url.empty()) reach(provider, host, other, false);
    }
  }
  std::vector<Reached> take() { return std::move(reached_); }

 private:
  // One that is not `usual` is told of only when it answers.
  bool reach(const runtime::EngineProvider& provider, const runtime::HostFacts& host, const std::string& url,
             bool usual) {
    EngineReport report{provider.name(), false, true, {}, {}};
    try {
      auto engine = provider.connect({url, &stop_});
      runtime::EngineInfo info;
      report.findings = judge_engine(*engine, provider, host, mode_, info);
      const bool known = std::any_of(report_.engines.begin(), report_.engines.end(), [&](const auto& entry) {
        return entry.info && entry.info->socket == info.socket;
      });
      if (known) return false;
      report.info = std::move(info);
      report_.engines.push_back(std::move(report));
      reached_.push_back({std::move(engine), report_.engines.size() - 1});
      return true;
    } catch (const Error& error) {
      if (!usual) return false;
      report.findings = {problem_of("connect", error, "use another engine (--runtime)")};
      for (Finding& finding : provider.judge(host, nullptr)) report.findings.push_back(std::move(finding));
      report_.engines.push_back(std::move(report));
      return false;
    }
  }

  const DoctorOptions& options_;
  Mode mode_;
  StopSource& stop_;
  DoctorReport& report_;
  std::vector<Reached> reached_;
};

}  // namespace

std::vector<Reached> examine_engines(const Providers& providers, const DoctorOptions& options, Mode mode,
                                     StopSource& stop, DoctorReport& report) {
  std::string socket;
  try {
    const Selection selection = select_engine(providers, options.runtime, options.url, &stop);
    socket = selection.engine->system().info().socket;
    report.runtime = selection.engine->system().name();
    report.reason = selection.reason;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) throw;
    report.runtime.clear();
    report.reason = error.what();
    report.fix = error.hint();
  }
  Examination examination(options, mode, stop, report);
  for (const auto& provider : providers) examination.of(*provider);
  for (EngineReport& engine : report.engines) {
    engine.chosen = engine.info && engine.runtime == report.runtime && engine.info->socket == socket;
  }
  return examination.take();
}

}  // namespace drydock::core
