// Git's hooks in a project, which the *host* runs later (J21): which paths a contained session gets mounted
// over themselves so that the agent cannot plant one. A hooks folder is mounted read-only; the folders on the
// way to it are mounted as they are, for a mount point cannot be renamed or replaced from inside.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace drydock::core {

// Something of the host's that is mounted as it was looked at, and not as a link that has taken its place.
struct GuardedPath {
  std::string path;  // absolute; no component below the project, or what is mounted beside it, is a link
  bool read_only = false;
  dev_t device = 0;  // what stood there when it was looked at
  ino_t inode = 0;
  std::string target;    // where it is in the container
  bool missing = false;  // a folder that make_missing() has yet to make
};

// A project that is a git worktree of a repository elsewhere (git-worktree(1)): real paths of the host.
struct GitWorktree {
  std::string common;  // the repository's git folder, which the project needs
  std::string own;     // the worktree's part of it: common/worktrees/NAME
};

struct GitGuards {
  std::vector<GuardedPath> paths;         // parents before what is in them
  std::vector<std::string> notices;       // hooks that are not guarded, and why
  std::optional<GitWorktree> worktree{};  // when the paths are to be mounted for it (core/git_worktree.hpp)
};

// The guards of a project (a real path): .git with its hooks and those of its submodules, or the .git file of
// a worktree or submodule and what it leads to inside the project. Links are never followed: what is reached
// through one is not guarded. A hooks folder that is not there is told as missing: else the agent would make
// it. At most 64 paths.
//
// `contested` says whether another session could put a link in a path's place between this look and the
// mount; such a path is left out.
GitGuards find_git_guards(const std::string& project,
                          const std::function<bool(const std::string&)>& contested);

// Those of a worktree's common folder: the folder itself as it is, hooks read-only as above, `worktrees` too
// but for the own part, and in that one the two files that lead to and fro.
GitGuards find_worktree_guards(const GitWorktree& worktree,
                               const std::function<bool(const std::string&)>& contested);

// The first line of a small file, not through a link; empty when there is none.
std::string first_line_of(const std::string& path);

// Makes the folders that are missing, empty and of their repository's owner, and looks at them. One that
// cannot be made is taken out of the list; the notices say why.
std::vector<std::string> make_missing(std::vector<GuardedPath>& guards);

// Whether another live session of this user could replace `path`: its project, or what it may write beside
// it, covers the path, and it is no mount point there, nor below another one. Sessions are known by their
// runtime folders, on whichever engine.
bool contested_by_sessions(const std::string& path);

// Those of the guards that process `pid`, in its own file system, does not see as they were looked at. Where
// /proc does not show it, or it has ended (0), those that are something else on the host by now.
std::vector<std::string> misplaced(const std::vector<GuardedPath>& guards, int pid);

}  // namespace drydock::core
