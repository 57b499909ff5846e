// Tokens and keys that the user has drydock keep for an agent (`drydock setup-token`), so that its sessions
// get them without --secret. One file each, $XDG_STATE_HOME/drydock/agents/<agent>/tokens/<name>: mode 0600,
// in a folder of mode 0700, which no session sees. A value is in no message.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/agents.hpp"
#include "core/secrets.hpp"

namespace drydock::core {

inline constexpr std::size_t longest_token = std::size_t{16} << 10;

// The token in what was typed, or read from a file: one line of printable ASCII without blanks, of at most
// longest_token. Blanks around it are dropped. Throws Error(invalid) "cannot keep token of agent '<agent>':
// <reason>".
std::string token_in(const AgentProfile& agent, const std::string& text);

// What a token is kept as: `asked`, one of the profile's secrets; without it the one whose prefix the value
// has, or else the first. Throws Error(usage) when the profile has none, or not that one.
const AgentSecret& token_kind(const AgentProfile& agent, const std::string& asked,
                              const std::string& value = {});

struct KeptToken {
  std::string file;
  bool replaced = false;  // an earlier one
};

// Writes it whole or not at all (fsync, rename). Throws Error(permission, invalid).
KeptToken keep_token(const std::string& agent, const std::string& name, const std::string& value);

// The names of those that are kept, sorted; the agent need not have a profile any more.
std::vector<std::string> kept_tokens(const std::string& agent);

// Removes one, or with an empty name all. Which ones; the names that were there. Throws Error(permission).
std::vector<std::string> forget_tokens(const std::string& agent, const std::string& name);

// The values of those that the profile knows. Throws Error(refused) for a file that is not the user's alone,
// and Error(invalid) for one that cannot be read or holds no token.
std::vector<Secret> read_tokens(const AgentProfile& agent);

}  // namespace drydock::core
