// The sessions that an engine holds, put together from its objects' labels, and their removal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "core/owner.hpp"
#include "core/plan.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

inline constexpr int default_grace = 3;  // seconds between SIGTERM and SIGKILL

struct SessionRecord {
  std::string id;
  std::string name;     // of the agent's container, or --name's
  std::string project;  // path
  std::string agent;
  std::string mode;
  std::string runtime;  // the engine's name
  std::string image;
  std::int64_t created = 0;                            // seconds since the epoch; 0 unknown
  std::optional<runtime::ContainerState> agent_state;  // absent: there is no such container
  std::optional<runtime::ContainerState> sidecar_state;
  std::string status;  // the engine's words on the agent's container
  std::optional<Owner> owner;
  bool detached = false;
  bool keep = false;                // stays when it has ended, until it is stopped
  bool capture = false;             // reaches every name
  bool log = true;                  // its decision log is kept when it is removed
  std::int64_t expires = 0;         // seconds since the epoch; 0: it has no time limit
  std::vector<std::string> agents;  // container names
  std::vector<std::string> sidecars;
  std::vector<std::string> probes;
  std::vector<std::string> networks;
};

// Every session of this user on the engine; root sees those of all users. Newest first.
std::vector<SessionRecord> find_sessions(runtime::Engine& engine);

// Running or paused: what can be attached to.
bool is_live(const SessionRecord& session);
// "running", "detached", "ended", …: one word for a listing.
std::string status_word(const SessionRecord& session);

// Asks a live session's agent to end (SIGTERM), and ends it after `grace` seconds; its status is told to
// those attached. Errors but `unavailable` are left to the removal, which ends it as well.
void end_session(runtime::Engine& engine, const SessionRecord& session, int grace);

// Removes a session's objects, agent first, then sidecar, whose log is kept (core/kept_log.hpp), networks and
// files. Goes on after a failure; the
// messages of all failures are returned. An engine that is gone is told once. Two that remove the same
// session wait for each other. `farewell` is called once the agent is gone and its files are still there.
using Farewell = std::function<void(const SessionRecord&)>;
std::vector<std::string> remove_session(runtime::Engine& engine, const SessionRecord& session,
                                        const Farewell& farewell = {});

// Why a session is to be collected, or nothing when it lives, or may.
std::optional<std::string> collectable(const SessionRecord& session);

// The ids of the sessions that have runtime folders: those of this user, on whichever engine.
std::vector<std::string> known_sessions();
// The folder of a session's runtime files.
std::string session_directory(const std::string& id);
// Makes it, with a link inside that says which engine (its engine_key) and which process it belongs to.
void make_session_directory(const std::string& id, const std::string& engine, const Owner& owner);
// Keeps the plan there, for `inspect`; a failure is no more than a line in the log.
void save_plan(const Plan& plan);
// As it was saved; null when there is none.
Json saved_plan(const std::string& id);
// Left in it when the user detached: the session lives on without its owner.
void mark_detached(const std::string& id);

// Ends the sidecars of a kept session whose agent has ended. A failure is no more than a line in the log: the
// next collection tries again.
void rest_sidecars(runtime::Engine& engine, const std::vector<std::string>& sidecars);

struct Collected {
  SessionRecord session;
  std::string reason;
  std::vector<std::string> failures;
};

// Removes what ended, crashed or lost its owner, and runtime folders of sessions that the engine does not
// know. With `dry_run` only says what it would do. Throws only if the engine cannot be asked: nothing is
// collected on a guess.
std::vector<Collected> collect_garbage(runtime::Engine& engine, bool dry_run, const Farewell& farewell = {});

}  // namespace drydock::core
