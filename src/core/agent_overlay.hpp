// Files of the user's own that every new session of an agent begins with, over what `drydock sync` brought:
// agents/NAME.overlay/ in the configuration folder, laid out as the home folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/agent_state.hpp"
#include "core/file_tree.hpp"

namespace drydock::core {

// Not made.
std::string overlay_directory(const std::string& agent);

// Its files, by their paths below the home folder; nothing when there is no overlay. Throws Error(refused)
// "cannot use overlay file '<path>': <reason>" for a link, the folder itself too, a special file, what is too
// large or too much, a login, a conversation, and what would be a file where the agent or the prototype has a
// folder, or the other way round.
std::optional<std::vector<std::string>> overlay_files(const SessionState& state);

// Copies files that overlay_files() returned into a session's home.
void copy_overlay(const std::string& agent, const std::vector<std::string>& files, int home,
                  const std::optional<FileOwner>& owner);

}  // namespace drydock::core
