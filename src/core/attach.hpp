// `drydock attach`: back into a session that lives.
#pragma once

#include <string>

#include "base/stop_source.hpp"
#include "core/sessions.hpp"
#include "core/talk.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct AttachOptions {
  std::string detach_keys;
  bool terminal = false;  // standard input and output are one
  bool watch = false;     // only look: nothing is typed, and a signal ends the look alone
};

// The agent's exit status when it ended meanwhile (and the session is removed then, unless it is kept); 0
// after a detach, 128 + N when signal N ended the session or, for one that only looks, the look; 124 when the
// session's time limit came. Throws Error(usage) when the session has a terminal and the user has none.
int attach_session(runtime::Engine& engine, const SessionRecord& session, const AttachOptions& options,
                   Talk& talk, StopSource& stop);

}  // namespace drydock::core
