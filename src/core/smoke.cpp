#include "core/smoke.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/version.hpp"
#include "core/invariants.hpp"
#include "core/launch.hpp"
#include "core/session.hpp"
#include "core/sidecar_image.hpp"

namespace drydock::core {
namespace {

constexpr const char* smoke_name = "smoke";
// Longer than a run would wait: a name server that asks others takes its time.
constexpr int silence_ms = 1000;
// Names that nobody can own (RFC 6761, 6.4).
constexpr const char* allowed_entries = "smoke.drydock.invalid\n*.smoke.drydock.invalid\n";

Plan make_plan(runtime::Engine& engine, const runtime::Cidr& subnet_pool, const std::string& sidecar_image) {
  PlanRequest request = begin_request(engine, Mode::contained, subnet_pool);
  request.project.name = request.project.key = smoke_name;
  request.mode = {Mode::contained, "a check of the jail"};
  request.agent_name = smoke_name;
  for (const Entry& entry : parse_allowlist_text(allowed_entries, smoke_name)) request.allowlist.add(entry);
  request.sidecar_image = sidecar_image;
  request.wall_checks = all_wall_checks();
  request.wall_silence_ms = silence_ms;
  request.keep_log = false;
  const bool root = ::geteuid() == 0;
  request.uid = root ? sidecar_uid : ::geteuid();
  request.gid = root ? sidecar_gid : ::getegid();
  Plan plan = build_plan(request);
  require_sound(plan);
  return plan;
}

}  // namespace

std::size_t SmokeResult::holding() const {
  return static_cast<std::size_t>(
      std::count_if(checks.begin(), checks.end(), [](const WallCheck& check) { return check.ok; }));
}

int SmokeResult::status() const {
  constexpr int engine_failed = 125;
  if (holding() != checks.size()) return 1;
  return removed ? 0 : engine_failed;
}

SmokeResult check_jail(runtime::Engine& engine, const runtime::Cidr& subnet_pool, Talk& talk,
                       StopSource& stop) {
  SmokeResult result;
  result.engine = engine.system().info();
  require_supported(result.engine, Mode::contained);
  collect_leftovers(engine, talk);
  const std::string sidecar = ensure_sidecar_image(engine, false, &stop).reference;
  launch_with_patience([&] {
    const Plan plan = make_plan(engine, subnet_pool, sidecar);
    Session session(engine, plan, stop);
    result.session = plan.session;
    result.checks = session.launch_wall();
    result.removed = remove_and_tell(session, talk, stop);
  });
  return result;
}

Json to_json(const SmokeResult& result) {
  Json checks = Json::array();
  for (const WallCheck& check : result.checks) {
    checks.push_back(
        {{"name", check.name}, {"expected", check.expected}, {"got", check.got}, {"ok", check.ok}});
  }
  return {{"schema", 1},
          {"version", version},
          {"session", result.session},
          {"runtime", result.engine.engine},
          {"engine",
           {{"version", result.engine.version},
            {"api_version", result.engine.api_version},
            {"rootless", result.engine.rootless}}},
          {"checks", checks},
          {"holds", result.holding() == result.checks.size()},
          {"removed", result.removed}};
}

}  // namespace drydock::core
