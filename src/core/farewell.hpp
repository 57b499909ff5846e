// What is told of a session when it ends, by whoever sees to that, and once: what it was refused, and what it
// changed in the project that this machine may run (core/watch.hpp).
#pragma once

#include "core/sessions.hpp"
#include "core/talk.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// Its sidecar's log and its runtime folder must still be there; what cannot be read is not told.
void say_farewell(runtime::Engine& engine, const SessionRecord& session, Talk& talk);
// The same at a session's removal. Both must outlive what is returned.
Farewell farewell_of(runtime::Engine& engine, Talk& talk);

}  // namespace drydock::core
