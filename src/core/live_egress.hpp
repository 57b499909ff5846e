// Changes of a live session's allowlist (J18): at once, whole or not at all, and only counted as made when
// the session's guard has said so.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/live_filter.hpp"
#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// What the session's guard was told last, without what has ended. Throws Error(refused) for a session without
// a jail, Error(not_found) when its files are not here.
LiveFilter read_live_filter(const SessionRecord& session);

using FilterEdit = std::function<std::vector<EntryChange>(LiveFilter&)>;

// Gives the guard what `edit` makes of the filter, and waits until it has taken it, `patience` at most;
// nothing is written when the edit changes nothing. If the guard refuses it, or says nothing, or a signal
// comes, the old filter is put back and the Error says what is in force. Changes of one session wait for each
// other, and for its removal.
std::vector<EntryChange> change_live_filter(runtime::Engine& engine, const SessionRecord& session,
                                            const FilterEdit& edit,
                                            std::chrono::milliseconds patience = std::chrono::seconds(12));

}  // namespace drydock::core
