// `drydock inspect`: all that is known of a session, as JSON (docs/schema/inspect.json).
#pragma once

#include "base/json.hpp"
#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// The record of a session as `list --json` has it.
Json to_json(const SessionRecord& session);

// Asks the engine for what it has now. What it cannot tell stands in "warnings".
Json inspect_session(runtime::Engine& engine, const SessionRecord& session);

}  // namespace drydock::core
