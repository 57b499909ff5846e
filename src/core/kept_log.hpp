// The decision logs of ended sessions: $XDG_STATE_HOME/drydock/decisions/SESSION.jsonl, the guard's lines as
// it wrote them and one of drydock's that closes them. docs/sessions.md has the limits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision_log.hpp"
#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// What is kept for a user; the oldest goes first.
struct KeptLimits {
  std::size_t files = 200;
  std::uint64_t octets = std::uint64_t{1} << 30;    // of all of them
  std::int64_t age = std::int64_t{90} * 24 * 3600;  // seconds
};

std::string decisions_directory();

struct KeptLog {
  std::string session;
  std::string path;
  std::uint64_t size = 0;
  std::int64_t ended = 0;  // seconds since the epoch
};

// What its last line says. `project` is empty for a check of the jail, and where that line is not there.
struct KeptSummary {
  std::string project;
  std::string runtime;
  std::uint64_t lines = 0;
  EgressCounts counts;
};

// Ends the session's sidecar, so that its guard has said all, and keeps what it said. The agent must be gone.
// Nothing for a session without a sidecar, or that was started with --no-log. A failure is a warning in the
// log: nothing must keep a session from being removed.
void keep_decisions(runtime::Engine& engine, const SessionRecord& session);

// Newest first. None when there is no folder. Throws Error(permission) for one that cannot be read.
std::vector<KeptLog> kept_logs();
// `wanted`: a session's id, the unambiguous beginning of one (two digits or more), or a project's folder,
// whose newest is meant; empty: the newest of the project that `directory` is in. Throws Error(conflict) for
// an ambiguous beginning.
std::optional<KeptLog> find_kept_log(const std::string& wanted, const std::string& directory);

KeptSummary summary_of(const KeptLog& log);

// Line by line, until the sink has enough; `whole` is false for a last line without an end. Throws Error.
void read_kept_log(const KeptLog& log, const std::function<bool(std::string_view line, bool whole)>& sink);

// Removes what the limits do not admit at `now`, but never the log of `spared`.
void prune_kept_logs(const KeptLimits& limits, std::int64_t now, const std::string& spared);

}  // namespace drydock::core
