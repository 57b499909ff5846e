// Whom a session's agent runs as.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/project.hpp"

namespace drydock::core {

struct SessionUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// The agent is never root (INV-8): for root it runs as the user behind sudo, or as the project's owner.
// Throws Error(refused) when that is root too.
SessionUser session_user(const Project& project);

// The group that the agent needs to use a socket of root's, if any. Throws Error(refused) when only root may:
// the agent is never root.
std::optional<std::uint32_t> socket_group(const std::string& path, std::uint32_t uid);

}  // namespace drydock::core
