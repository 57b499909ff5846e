// What the user adds to the agent's view of the host, and takes from it (J13): folders and files beside the
// project (--mount), parts of the project that are hidden (--mask). All of it is resolved and judged before
// anything is made.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/git_guard.hpp"
#include "core/project.hpp"

namespace drydock::core {

struct Mask {
  std::string path;     // real path, inside the project
  bool folder = false;  // else a file
};

struct View {
  // Mounted in this order: what was asked for, git's hooks in it, and the folders on the way to what is
  // masked, which cannot be renamed then.
  std::vector<GuardedPath> mounts;
  std::vector<std::string> beside;   // what was asked for: paths of the host
  std::vector<Mask> masks;           // none inside another
  std::vector<std::string> notices;  // hooks that are not guarded, files with more than one name
};

// Mounted at its own path.
struct Link {
  std::string path;  // absolute
  bool read_only = true;
};

struct ViewRequest {
  std::vector<std::string> mounts;  // SRC:DST[:ro|rw]; read-only when it does not say
  std::vector<std::string> masks;   // below the project, relative to it or absolute
  std::vector<Link> links{};        // beside the project, at their own paths
};

// Throws Error (usage, invalid, refused) with "cannot mount '<source>': <reason>" or "cannot mask '<path>':
// <reason>". `contested` as in find_git_guards.
View resolve_view(const ViewRequest& request, const Project& project,
                  const std::function<bool(const std::string&)>& contested);

// Why a file or folder may not be mounted beside the project, or nothing. `path` is a real path.
std::optional<std::string> extra_mount_refusal(const std::string& path, bool read_only);

}  // namespace drydock::core
