// What a file that a session left in its project is to programs on the host: who runs it, and where that is
// easily told, what they would run. core/watch.hpp says which files are looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

// A clause about a watched file, by its path: "direnv runs it"; empty when none is known.
std::string who_runs(const std::string& path);
// The same, and what its content names: programs in git's settings, commands of an editor's tasks and of an
// agent's settings. The file is read below `folder`, through no link, where it is small enough.
std::string what_runs(int folder, const std::string& path);

// "core.fsmonitor = ./evil": the settings in a text of git-config(1) by which git runs a program or reads
// more settings, as they stand there.
std::vector<std::string> programs_of_git_config(std::string_view text);
// The commands of a tasks.json of VS Code, with their arguments, those for other systems too; first those
// that are run when the folder is opened.
std::vector<std::string> commands_of_tasks(std::string_view text);
// The hooks, servers and helpers that an agent's settings (JSON, with comments, or TOML) name as commands.
std::vector<std::string> commands_of_settings(std::string_view text);

// Folders of which some files, or all in some folders, are watched: ".claude" and "hooks".
bool has_watched_places(std::string_view folder);
bool is_watched_place(std::string_view folder, std::string_view name);

}  // namespace drydock::core
