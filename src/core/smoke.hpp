// `drydock smoke`: the jail of a contained session is put up on this engine, shown from inside by a probe
// that knows every check, and taken down. No agent, no image of one, no project; nothing of the user's is
// mounted.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/stop_source.hpp"
#include "core/canary.hpp"
#include "core/talk.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct SmokeResult {
  std::string session;
  runtime::EngineInfo engine;
  std::vector<WallCheck> checks;
  bool removed = true;  // false: something is left, and a warning said what

  std::size_t holding() const;  // how many checks hold
  // 0: all hold. 1: one does not. 125: all hold, and something is left.
  int status() const;
};

// Throws Error when the jail cannot be put up, or its probe does not report, and Interrupted; then nothing is
// left behind.
SmokeResult check_jail(runtime::Engine& engine, const runtime::Cidr& subnet_pool, Talk& talk,
                       StopSource& stop);

// docs/schema/smoke.json
Json to_json(const SmokeResult& result);

}  // namespace drydock::core
