// `drydock run`: from what the user said to an exit status.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_source.hpp"
#include "core/agents.hpp"
#include "core/effective_allowlist.hpp"
#include "core/git_identity.hpp"
#include "core/mode.hpp"
#include "core/plan.hpp"
#include "core/pull.hpp"
#include "core/secrets.hpp"
#include "core/subnets.hpp"
#include "core/talk.hpp"
#include "core/timings.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct RunOptions {
  std::string directory = ".";
  std::vector<std::string> command;  // empty: the agent's
  bool shell = false;                // a shell in place of the agent
  std::string agent;                 // empty: the default one
  std::string image;                 // empty: drydock's own base
  std::string name;
  AllowlistRequest allow;
  std::optional<Mode> mode;
  std::map<std::string, std::string> environment;
  std::string workdir;
  std::string oci_runtime;  // empty: the engine's choice
  runtime::Cidr subnet_pool = *runtime::Cidr::parse(default_subnet_pool);
  LimitRequest limits;
  bool detach = false;
  bool tty = false;  // decided: the container gets a terminal
  bool stdin_open = true;
  std::string detach_keys;
  ViewRequest view;
  std::vector<std::string> secrets;  // NAME or NAME=FILE
  bool project_read_only = false;
  bool canary = true;      // the wall is checked before the agent is started
  bool keep = false;       // container and log stay after the end
  bool capture = false;    // every name is let through
  bool telemetry = false;  // what switches the agent's telemetry off is left out
  bool ask = false;        // what is not allowed waits for a yes
  bool log = true;         // the decisions are kept after the end
  std::optional<std::chrono::seconds> timeout;
  PullPolicy pull = PullPolicy::never;  // of `image`
  std::vector<std::string> packages;    // of the distribution, core/package_list.hpp
};

// Everything about a run that can be checked without an engine: project, mode, allowlist, user. Throws Error
// before anything is made or asked.
struct PreparedRun {
  RunOptions options;
  Project project;
  ModeDecision mode;
  AgentProfile agent;
  Allowlist allowlist;
  View view;
  std::vector<Secret> secrets;
  GitIdentity git_identity;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

PreparedRun prepare_run(const RunOptions& options);

// Whether the agent works in it. What is kept for an agent is for sessions in which it does: not for another
// command that merely runs under the default agent's allowlist, nor for what an image of the user's has.
bool is_for_its_agent(const RunOptions& options);

// Whether its command is the agent's own, or what is told to the agent, and not another that runs in its
// place.
bool runs_its_agent(const PreparedRun& run);

// Which image a run takes: the one that is named, the agent's own, drydock's base, or for a command the
// agent's own where the engine has it and else the base.
enum class ImageChoice { named, agent, base, agent_or_base };
ImageChoice choose_kind_of_image(const RunOptions& options, const AgentProfile& agent);
// What makes the agent's own image, for a hint.
std::string how_to_build(const std::string& agent, const std::vector<std::string>& packages);

// The plan that a run would follow now. Asks the engine, changes nothing.
Plan plan_run(runtime::Engine& engine, const PreparedRun& run, StopSource& stop);

struct RunResult {
  // The agent's exit status; 0 after a detach, 128 + N when signal N ended the session, 124 when its time
  // limit did.
  int status = 0;
  std::string session;
};

// Runs the session, to its end unless detached. Throws Error and, when a signal came before the agent ran,
// Interrupted; then nothing is left behind. Its steps are added to `timings`.
RunResult execute_run(runtime::Engine& engine, const PreparedRun& run, Talk& talk, StopSource& stop,
                      Timings& timings);

}  // namespace drydock::core
