// The sessions that an engine holds, put together from its objects' labels, and their removal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/owner.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

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
  std::vector<std::string> agents;  // container names
  std::vector<std::string> sidecars;
  std::vector<std::string> networks;
};

// Every session of this user on the engine; root sees those of all users. Newest first.
std::vector<SessionRecord> find_sessions(runtime::Engine& engine);

// Removes a session's objects, agent first, then sidecar, networks and files. Goes on after a failure; the
// messages of all failures are returned.
std::vector<std::string> remove_session(runtime::Engine& engine, const SessionRecord& session);

// Why a session is to be collected, or nothing when it lives, or may.
std::optional<std::string> collectable(const SessionRecord& session);

// The folder of a session's runtime files.
std::string session_directory(const std::string& id);
// Makes it, with a link inside that says which engine and which process it belongs to.
void make_session_directory(const std::string& id, const std::string& engine, const Owner& owner);
// Left in it when the user detached: the session lives on without its owner.
void mark_detached(const std::string& id);

struct Collected {
  SessionRecord session;
  std::string reason;
  std::vector<std::string> failures;
};

// Removes what ended, crashed or lost its owner, and runtime folders of sessions that the engine does not
// know. With `dry_run` only says what it would do. Throws only if the engine cannot be asked: nothing is
// collected on a guess.
std::vector<Collected> collect_garbage(runtime::Engine& engine, bool dry_run);

}  // namespace drydock::core
