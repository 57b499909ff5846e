#include "core/launch.hpp"

#include <ctime>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/timestamp.hpp"
#include "core/farewell.hpp"
#include "core/host_addresses.hpp"
#include "core/sessions.hpp"
#include "core/settings.hpp"
#include "core/subnets.hpp"

namespace drydock::core {
namespace {

constexpr int launch_attempts = 5;
constexpr std::size_t session_id_digits = 8;

std::vector<runtime::Cidr> taken_subnets(runtime::Engine& engine) {
  std::vector<runtime::Cidr> taken = host_routes();
  for (const runtime::NetworkReport& network : engine.networks().list()) {
    taken.insert(taken.end(), network.subnets.begin(), network.subnets.end());
  }
  return taken;
}

}  // namespace

void require_supported(const runtime::EngineInfo& info, Mode mode) {
  if (mode == Mode::contained && info.network_backend == "cni") {
    throw Error(ErrorKind::unsupported,
                "cannot run a session on podman: its network backend is cni, and only netavark keeps an "
                "internal network closed",
                "apt install netavark aardvark-dns, then: podman system reset");
  }
  if (mode == Mode::contained && !info.seccomp) {
    throw Error(ErrorKind::unsupported,
                "cannot run a session on " + info.engine + ": its containers get no seccomp filter here",
                "switch the engine's default seccomp profile on");
  }
  if (info.engine == "docker" && info.rootless) {
    throw Error(ErrorKind::unsupported,
                "cannot run a session on rootless Docker: the agent would be root in its container there",
                "use rootless Podman (--runtime podman)");
  }
}

void collect_leftovers(runtime::Engine& engine, Talk& talk) {
  try {
    for (const Collected& entry : collect_garbage(engine, false, farewell_of(engine, talk))) {
      talk.say("collected session " + entry.session.id + ": " + entry.reason);
      for (const std::string& failure : entry.failures) talk.warn(failure);
    }
  } catch (const Error& error) {
    log::info("leftovers were not collected: {}", error.what());
  }
}

PlanRequest begin_request(runtime::Engine& engine, Mode mode, const runtime::Cidr& pool) {
  PlanRequest request;
  request.session = random_hex(session_id_digits);
  request.engine = engine.system().info();
  request.owner = Owner::self();
  request.created = to_rfc3339(std::time(nullptr));
  request.sidecar_directory = session_directory(request.session) + "/sidecar";
  request.hosts_file = session_directory(request.session) + "/hosts";
  request.git_config_file = session_directory(request.session) + "/gitconfig";
  request.policy_directory = session_directory(request.session) + "/policy";
  request.mask_directory = session_directory(request.session) + "/masks";
  if (mode == Mode::dood) return request;
  const auto subnets = choose_subnets(pool, taken_subnets(engine), 2, random_number());
  request.internal_subnet = subnets[0];
  request.egress_subnet = subnets[1];
  request.own_addresses = host_addresses();
  request.public_ranges = read_machine_settings().public_ranges;
  return request;
}

void launch_with_patience(const std::function<void()>& launch) {
  for (int attempt = 1;; ++attempt) {
    try {
      return launch();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::conflict || attempt == launch_attempts) throw;
      log::debug("{}, planning anew", error.what());
    }
  }
}

bool remove_and_tell(Session& session, Talk& talk, StopSource& stop) {
  try {
    const auto failures = session.remove(farewell_of(session.engine(), talk));
    for (const std::string& failure : failures) talk.warn(failure);
    if (!failures.empty()) talk.warn("remove what is left with: drydock gc");
    return failures.empty();
  } catch (const Interrupted&) {
    stop.acknowledge();
    talk.warn("stopped while cleaning up; remove what is left with: drydock gc");
    return false;
  }
}

}  // namespace drydock::core
