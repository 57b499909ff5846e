// An agent's own state (INV-2). Nothing of the host's agent folder is mounted: each session gets a copy,
// which is its home folder and goes with it. In $XDG_STATE_HOME/drydock/agents/<agent>/ are
//   prototype/                what each copy begins with; `drydock sync` fills it (over it: the user's overlay)
//   login/                    the files that the profile calls a login, if a session has written them
//   transcripts/<project>/    conversations, which the sessions of one project share: what is there is only
//                             ever continued
//   whole/<project>/<session> what they share as a whole; the file `latest` beside it names the session whose
//                             copy the next one begins with
//   sessions/<session>/home/  a session's copy, mounted as its home folder
// Conversations are brought back when a session ends (core/conversations.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/agents.hpp"
#include "core/owner.hpp"
#include "core/secrets.hpp"
#include "runtime/types.hpp"

namespace drydock::core {

inline constexpr const char* agent_home = "/home/agent";

// What a plan says of it.
struct SessionState {
  std::string agent;
  std::string project;  // key
  std::string home;     // the folder on the host
  std::vector<StatePath> paths;
  std::vector<std::string> transcripts;
  std::vector<std::string> whole;
  std::vector<std::string> login;
  std::vector<AgentSeed> seeds;
  bool logged_in = false;  // by a login that it begins with, or by a key
};

// The folder of an agent's state; not made.
std::string agent_state_directory(const std::string& agent);
SessionState session_state(const AgentProfile& agent, const std::string& project, const std::string& session);

// Whether a session of the agent begins with a login that an earlier one left.
bool has_kept_login(const AgentProfile& agent);

// By which engine a session's state is known: two of one name, root's and a user's, know each other's
// sessions not.
std::string engine_key(const runtime::EngineInfo& engine);

struct StateRequest {
  std::string session;
  std::string engine;  // engine_key
  Owner owner;
  std::uint32_t uid = 0;  // the agent's
  std::uint32_t gid = 0;
  // Below the home folder, where something is to be mounted: the engine would make it, perhaps as root.
  std::vector<StatePath> mount_points;
  std::string project = {};  // its folder, for the seeds
  std::vector<Secret> secrets = {};
};

// Makes a session's home folder. Throws Error; of an overlay that is not fit (core/agent_overlay.hpp) before
// anything is made.
void make_session_state(const SessionState& state, const StateRequest& request);

// Brings conversations and logins of a session back, once nothing of it runs any more. Links and special
// files are left, and copies that do not continue what is stored are kept beside it, which a line in the log
// says. Throws Error when something could not be written; no more than that is lost then.
void harvest_session_state(const std::string& session);
// The same, and removes its folder. A session without one is none of its business.
void end_session_state(const std::string& session);

// Ends the state of sessions that neither the engine knows nor a living drydock keeps. Failures are no more
// than a line in the log: the next collection tries again.
void collect_session_states(const std::vector<std::string>& known, const std::string& engine);

}  // namespace drydock::core
