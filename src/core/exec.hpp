// `drydock exec`: one more command in a live session.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/stop_source.hpp"
#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct ExecOptions {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::string workdir;  // empty: the agent's
  bool interactive = false;
  bool tty = false;
};

// The command's exit status, 128 + N when signal N ended the wait for it. It runs as the agent does: user,
// capabilities, limits, network, the secrets that are variables, where the environment given has none of that
// name, and the jail's own variables, which it cannot change.
// Throws command_not_found, command_not_executable.
int exec_in_session(runtime::Engine& engine, const SessionRecord& session, const ExecOptions& options,
                    StopSource& stop);

}  // namespace drydock::core
