// What a user hands to the agent and nobody else is to see (--secret): a file in memory for each, which the
// agent sees as /run/secrets/NAME. Values are in no plan, on no command line and in nothing that an engine
// tells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/agents.hpp"
#include "core/project.hpp"

namespace drydock::core {

inline constexpr const char* secrets_target = "/run/secrets";

struct Secret {
  std::string name;
  std::string value;
};

// Each request is NAME, for the value of the user's variable, or NAME=FILE, for what is in a regular file of
// the user's outside the project, of at most 512 KiB. A variable is taken: it is gone from this process's
// environment, and from what the processes that it starts get. Throws Error (usage, invalid, refused)
// "cannot pass secret '<name>': <reason>", which never has a value in it.
std::vector<Secret> take_secrets(const std::vector<std::string>& requests, const Project& project);

// Keeps this process's memory out of core files, and from other processes of the user: prctl(2),
// PR_SET_DUMPABLE. Before a secret is read.
void keep_out_of_core_files();

// Those of them that the agent takes from its environment. Throws Error(invalid) for one that cannot be a
// variable.
std::vector<std::string> secret_variables(const std::vector<Secret>& secrets, const AgentProfile& agent);

// Whether a value can be made an environment variable of this name.
bool is_variable_name(const std::string& name);

// The folder for a session's secrets: below its runtime folder when that is in memory, else in /dev/shm.
// Throws Error(unsupported) when neither is.
std::string secrets_directory(const std::string& session);

// Writes each to a file of mode 0400 that belongs to uid:gid; only root may name another than itself. The
// folder must not exist.
void write_secrets(const std::string& directory, const std::vector<Secret>& secrets, std::uint32_t uid,
                   std::uint32_t gid);

// Removes the files of a session, wherever they are.
void remove_secrets(const std::string& session);

// `command` behind a shell that sets the variables `names` to what is in the files of these names.
std::vector<std::string> with_secret_variables(const std::vector<std::string>& names,
                                               const std::vector<std::string>& command);

}  // namespace drydock::core
