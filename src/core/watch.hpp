// What a session changed of the files in its project that other programs run on the *host* later: git's
// settings and hooks, editors' tasks, CI workflows, makefiles (J21). Nothing is kept from changing; it is
// told.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sessions.hpp"
#include "core/talk.hpp"

namespace drydock::core {

struct Watch {
  // Path below the project, or an absolute one beside it -> what it is: a digest, a link's target.
  std::map<std::string, std::string> files;
  bool complete = true;               // false: there is more than was looked at
  std::vector<std::string> beside{};  // folders and files that were looked at as well
};

// The watched files of a project, and of what a session may write to beside it, as they are now: of a folder
// those that are watched, a file by itself. Links are told and never followed. At most 50000 entries of each
// folder, nearest to the top first, and 2000 files; node_modules is left out. Of package.json only the
// scripts count, of files over 4 MiB size and times. What cannot be read is told as such.
Watch look_at(const std::string& project, const std::vector<std::string>& beside = {});

// One sentence for each file that differs, in the order of their paths, fit for a terminal; at most 50 and
// how many more. With what `explain` says of a file that is there, unless that is nothing.
std::vector<std::string> differences(const Watch& before, const Watch& after,
                                     const std::function<std::string(const std::string&)>& explain = {});

// As kept in a file between the two. Nothing for anything else than what to_text gave.
std::string to_text(const Watch& watch);
std::optional<Watch> watch_from_text(std::string_view text);

// Keeps how the project, and what is beside it, is now in the session's runtime folder, which there must be.
void begin_watch(const std::string& session, const std::string& project,
                 const std::vector<std::string>& beside = {});
// Says what differs since then. Once: the first who sees to a session's end tells it. Nothing when there is
// no such folder.
void end_watch(const std::string& session, const std::string& project, Talk& talk);
// Whether end_watch() has yet to be called for a session that was begun here.
bool is_watched(const std::string& session);

}  // namespace drydock::core
