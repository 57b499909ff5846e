// The agent's /etc/hosts: a file of the session's folder that is mounted read-only. Each name on the
// allowlist that is an exact one leads to the sidecar there, for clients that ignore the proxy's variables; a
// live change of the allowlist changes the file in its place, for a mount shows the file that it was made of
// and no other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/types.hpp"

namespace drydock::core {

// The name that the sidecar has for the agent.
inline constexpr const char* sidecar_host = "drydock-egress";

// Of an agent whose host entries are complete.
std::string hosts_text(const runtime::ContainerSpec& agent);

// The same text with these names leading to the sidecar, and no others; unchanged when it is not drydock's.
std::string with_names(const std::string& text, const std::vector<std::string>& names);

// Writes the text over the file, which stays the same file. What reads it meanwhile may see the end of the
// old text behind the new, and never less than what both begin with. Throws Error(internal).
void rewrite(const std::string& path, const std::string& text);

}  // namespace drydock::core
