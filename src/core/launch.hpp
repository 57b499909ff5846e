// What every command that launches a session does around it: what the engine must be able to do, what the
// session takes from the machine, another try when somebody was faster, and its removal.
#pragma once

#include <functional>

#include "base/stop_source.hpp"
#include "core/plan.hpp"
#include "core/session.hpp"
#include "core/talk.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// Throws Error(unsupported) where this engine cannot keep a session as drydock promises.
void require_supported(const runtime::EngineInfo& info, Mode mode);

// Removes what earlier sessions left, and says so. Never throws Error: it fails no launch.
void collect_leftovers(runtime::Engine& engine, Talk& talk);

// A request with what is the session's own: id, owner, time and folder, and in contained mode two free
// subnets of `pool` and the address floor. Asks the engine, changes nothing.
PlanRequest begin_request(runtime::Engine& engine, Mode mode, const runtime::Cidr& pool);

// Calls `launch`, which plans and launches, again when it throws Error(conflict): somebody took a subnet
// between our look and our request. After a few times the error goes on.
void launch_with_patience(const std::function<void()>& launch);

// False when something is left; then warnings say what, and how to remove it.
bool remove_and_tell(Session& session, Talk& talk, StopSource& stop);

}  // namespace drydock::core
