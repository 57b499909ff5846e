// `drydock inspect`: all that is known of a session, as JSON (docs/schema/inspect.json).
#pragma once

#include <optional>

#include "base/json.hpp"
#include "core/decision_log.hpp"
#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// The record of a session as `list --json` has it.
Json to_json(const SessionRecord& session);

// The last that its sidecar has said of them. Nothing for a session without a sidecar, or when there is no
// telling.
std::optional<EgressCounts> egress_counts(runtime::Engine& engine, const SessionRecord& session);

// Asks the engine for what it has now. What it cannot tell stands in "warnings".
Json inspect_session(runtime::Engine& engine, const SessionRecord& session);

}  // namespace drydock::core
