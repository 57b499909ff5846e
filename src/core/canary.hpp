// The canary (J23): a probe in the session's own internal network that shows the wall before the agent is
// started behind it. docs/guard.md has the probe's own words.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop_source.hpp"
#include "core/plan.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct WallCheck {
  std::string name;
  std::string expected;
  std::string got;
  bool ok = false;
};

// What every contained run is shown.
const std::vector<std::string>& canary_checks();
// All that the probe knows.
const std::vector<std::string>& all_wall_checks();

// The probe's container: the sidecar's image and powers at the agent's place on the network. `plan` has its
// networks, sidecar and agent. What may stay silent has `silence_ms` to say something.
runtime::ContainerSpec make_probe(const Plan& plan, const std::vector<std::string>& checks, int silence_ms);

// What the probe printed. Throws Error(refused) when it is not a report on exactly these checks.
std::vector<WallCheck> parse_probe_report(std::string_view output, const std::vector<std::string>& checks);

// A probe that was made and verified and is being started; the caller does something else meanwhile.
class Probe {
 public:
  // Begins to start the plan's probe, which then waits. Throws Error. All must outlive this object.
  Probe(runtime::Engine& engine, const Plan& plan, StopSource& stop);

  // The session's proxy listens: lets the probe make its checks, waits for the report (Error(refused) when
  // none comes in time) and removes the container: its address is the agent's.
  std::vector<WallCheck> finish();

 private:
  runtime::Engine& engine_;
  const Plan& plan_;
  StopSource& stop_;
  std::unique_ptr<runtime::AttachStream> stream_;
  std::future<void> started_;
};

// Throws Error(refused) that names each check that does not hold.
void require_wall(const std::string& session, const std::vector<WallCheck>& checks);

}  // namespace drydock::core
