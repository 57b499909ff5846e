// A project that is a git worktree: its .git is a file that leads into a repository elsewhere, which a
// contained session does not see. What git needs of it is mounted at its own path when both sides agree that
// they belong together; nothing that a session may write decides that alone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/git_guard.hpp"

namespace drydock::core {

struct FoundWorktree {
  std::optional<GitWorktree> worktree;
  std::string reason;  // why git will not work in the session; empty as well when .git leads nowhere else
};

// Judges the project's .git file: the folder that it names must be the part of a worktree
// (gitrepository-layout(5): commondir, gitdir) in its common folder's `worktrees`, name this .git in turn, be
// reached without a link, belong to `user` with its common folder, and be none that may not be mounted
// (INV-1).
FoundWorktree find_worktree(const std::string& project, uid_t user);

// Adds to a project's guards what its worktree needs, or a notice why git will not work. `mounts` are those
// that the user wants: what would hide a part of it, or be hidden by it, comes first.
void add_worktree(GitGuards& guards, const std::string& project, uid_t user,
                  const std::vector<GuardedPath>& mounts,
                  const std::function<bool(const std::string&)>& contested);

}  // namespace drydock::core
