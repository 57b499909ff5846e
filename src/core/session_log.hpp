// What a session's containers wrote.
#pragma once

#include <functional>
#include <string_view>

#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// The agent's output, byte for byte as far as the engine keeps it. Throws Error(not_found) when the session
// has no such container any more.
void read_agent_log(runtime::Engine& engine, const SessionRecord& session, bool follow,
                    const runtime::LogSink& sink);

// The sidecar's output, line by line, or only the last `tail` lines of it. Throws Error(not_found) for a
// session without one.
void read_egress_log(runtime::Engine& engine, const SessionRecord& session, bool follow,
                     const std::function<bool(std::string_view line)>& sink, int tail = -1);

}  // namespace drydock::core
