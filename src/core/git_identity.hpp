// Who the user is for git, in a session: a name and an address, and nothing else of their configuration, no
// credential helper for one. Source: git-config(1), gitfaq(7).
#pragma once

#include <string>

namespace drydock::core {

struct GitIdentity {
  std::string name;
  std::string email;
};

// As the user's own configuration has it, with what that includes; that of the project is not read (INV-10).
// Empty where nothing is set, a value has control characters, or git is not installed.
GitIdentity read_git_identity();

// Where a session has the file, and its variable leads git there.
inline constexpr const char* git_config_target = "/run/drydock/gitconfig";
inline constexpr const char* git_config_variable = "GIT_CONFIG_SYSTEM";

// In place of the image's system-wide configuration, which it includes; so what the project's or the agent's
// own configuration says is before it. Empty for an empty identity.
std::string git_config_text(const GitIdentity& identity);

}  // namespace drydock::core
