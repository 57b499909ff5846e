#include "core/git_guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <optional>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_guards = 64;
constexpr std::size_t most_folders = 4096;  // looked at below modules/
constexpr std::size_t longest_pointer = 4096;

std::optional<struct stat> look(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? std::optional(status) : std::nullopt;
}

bool is_folder(const std::string& path) {
  const auto status = look(path);
  return status && S_ISDIR(status->st_mode);
}

bool is_file(const std::string& path) {
  const auto status = look(path);
  return status && S_ISREG(status->st_mode);
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

std::string first_line_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<char, longest_pointer> buffer{};
  const ssize_t count = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (count <= 0) return {};
  const std::string text(buffer.data(), static_cast<std::size_t>(count));
  return text.substr(0, text.find('\n'));
}

namespace {

class Finder {
 public:
  Finder(const std::string& project, const std::function<bool(const std::string&)>& contested)
      : project_(project), contested_(contested) {}

  GitGuards find() {
    const std::string git = project_ + "/.git";
    if (is_folder(git)) {
      add_repository(git);
    } else if (is_file(git)) {
      add(git, true);
      constexpr std::string_view key = "gitdir: ";
      const std::string line = first_line_of(git);
      if (starts_with(line, key)) add_pointed(project_, std::string(trim(line.substr(key.size()))));
    }
    return std::move(found_);
  }

  // Those of a worktree, in the common folder, which is in `project`. What leads git from the one to the
  // other stays as it is, and so do other worktrees.
  GitGuards find(const GitWorktree& worktree) {
    followed_ = true;
    if (!add_way_to(worktree.common) || !add(parent_of(worktree.own), true) || !add(worktree.own, false))
      return std::move(found_);
    for (const char* name : {"/commondir", "/gitdir"}) add(worktree.own + name, true);
    add_repository(worktree.common);
    add_repository(worktree.own);
    return std::move(found_);
  }

 private:
  // The folder that a pointer in `base` names, when it is inside the project.
  void add_pointed(const std::string& base, const std::string& pointer) {
    const fs::path target = pointer.empty() ? fs::path() : (fs::path(base) / pointer).lexically_normal();
    std::string path = target.string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (starts_with(path, project_ + "/") && is_folder(path)) add_repository(path);
  }

  void add_repository(const std::string& first) {
    std::deque<std::string> waiting{first};
    for (std::size_t looked = 0; !waiting.empty() && looked < most_folders; ++looked) {
      const std::string folder = waiting.front();
      waiting.pop_front();
      const bool repository = folder == first || is_file(folder + "/HEAD");
      if (repository) {
        if (!add_hooks(folder)) return;
        if (folder == first) add_common(folder);
      }
      const std::string below = repository ? folder + "/modules" : folder;
      if (!is_folder(below)) continue;
      std::vector<std::string> names;
      std::error_code failed;
      for (const auto& entry : fs::directory_iterator(below, failed)) {
        if (is_folder(entry.path().string())) names.push_back(entry.path().string());
      }
      std::sort(names.begin(), names.end());
      waiting.insert(waiting.end(), names.begin(), names.end());
    }
    if (!waiting.empty())
      found_.notices.emplace_back("not all of the submodules' hooks are guarded: too many");
  }

  // A worktree's own folder has the hooks elsewhere.
  void add_common(const std::string& folder) {
    const std::string pointer = first_line_of(folder + "/commondir");
    if (pointer.empty() || followed_) return;
    followed_ = true;
    add_pointed(folder, pointer);
  }

  bool add_hooks(const std::string& repository) {
    if (!add_way_to(repository)) return false;
    const std::string hooks = repository + "/hooks";
    const auto status = look(hooks);
    if (status && S_ISDIR(status->st_mode)) return add(hooks, true);
    const std::string shown = "'" + printable(hooks, 200) + "'";
    if (status) {
      found_.notices.push_back(shown + " is not guarded: it is " +
                               (S_ISLNK(status->st_mode) ? "a link" : "no folder"));
    } else if (!is_file(repository + "/commondir")) {  // a worktree's part never has any
      return add(hooks, true, true);
    }
    return true;
  }

  // Each folder from the project down to this one.
  bool add_way_to(const std::string& path) {
    for (auto slash = path.find('/', project_.size() + 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (!is_folder(part) || !add(part, false)) return false;
      if (slash == std::string::npos) return true;
    }
  }

  bool add(const std::string& path, bool read_only, bool may_be_missing = false) {
    const bool known = std::any_of(found_.paths.begin(), found_.paths.end(),
                                   [&](const GuardedPath& guard) { return guard.path == path; });
    if (known) return true;
    const std::string shown = "'" + printable(path, 200) + "'";
    if (found_.paths.size() == most_guards) return too_many(shown);
    if (contested_(path)) {
      found_.notices.push_back(shown + " is not guarded: another session in this project could replace it");
      return false;
    }
    const auto status = look(path);
    const bool missing = !status;
    if (missing && !may_be_missing) return false;
    found_.paths.push_back(
        {path, read_only, missing ? 0 : status->st_dev, missing ? 0 : status->st_ino, path, missing});
    return true;
  }

  bool too_many(const std::string& shown) {
    found_.notices.push_back("hooks in " + shown + " and after it are not guarded: too many");
    return false;
  }

  const std::string& project_;
  const std::function<bool(const std::string&)>& contested_;
  GitGuards found_;
  bool followed_ = false;
};

// In the folder that was looked at, whatever stands at its path by now. Why it could not be made, or nothing.
std::string make_folder(GuardedPath& guard, const std::vector<GuardedPath>& guards) {
  const fs::path path(guard.path);
  const std::string name = path.filename().string();
  const UniqueFd parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat above {};
  if (!parent || ::fstat(parent.get(), &above) != 0) return with_errno("it cannot be made", errno);
  const bool as_seen = std::any_of(guards.begin(), guards.end(), [&](const GuardedPath& other) {
    return other.path == path.parent_path() && other.device == above.st_dev && other.inode == above.st_ino;
  });
  if (!as_seen) return "something else stands around it by now";
  const bool is_new = ::mkdirat(parent.get(), name.c_str(), 0755) == 0;
  if (!is_new && errno != EEXIST) return with_errno("it cannot be made", errno);
  const UniqueFd made(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!made || ::fstat(made.get(), &status) != 0) return with_errno("it cannot be opened", errno);
  // Root makes it for whoever the repository belongs to.
  if (is_new && status.st_uid != above.st_uid && ::fchown(made.get(), above.st_uid, above.st_gid) != 0)
    return with_errno("it cannot be given to its owner", errno);
  guard.device = status.st_dev;
  guard.inode = status.st_ino;
  guard.missing = false;
  return {};
}

bool covers(const std::string& folder, const std::string& path) {
  return !folder.empty() && starts_with(path, folder + "/");
}

// The agent's mounts in a session's plan; empty when it has none.
Json mounts_of(const Json& plan) {
  const Json* containers = find_member(plan, "containers");
  const Json* agent = containers != nullptr ? find_member(*containers, "agent") : nullptr;
  const Json* mounts = agent != nullptr ? find_member(*agent, "mounts") : nullptr;
  return mounts != nullptr && mounts->is_array() ? *mounts : Json::array();
}

std::string text_member(const Json& json, const std::string& name) {
  const Json* member = find_member(json, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

// Whether the session writes to the folder that `path` is in, and has no mount point there.
bool may_replace(const Json& mounts, const std::string& path) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const Json& mount) {
    const std::string source = text_member(mount, "source");
    const Json* read_only = find_member(mount, "read_only");
    if (!covers(source, path) || (read_only != nullptr && *read_only == true)) return false;
    const std::string inside = text_member(mount, "target") + path.substr(source.size());
    const std::string top = text_member(mount, "target");
    // At a mount point nothing can be replaced; what is below another one is judged by that.
    return std::none_of(mounts.begin(), mounts.end(), [&](const Json& other) {
      const std::string target = text_member(other, "target");
      return target == inside || (covers(top, target) && covers(target, inside));
    });
  });
}

}  // namespace

GitGuards find_git_guards(const std::string& project,
                          const std::function<bool(const std::string&)>& contested) {
  return Finder(project, contested).find();
}

GitGuards find_worktree_guards(const GitWorktree& worktree,
                               const std::function<bool(const std::string&)>& contested) {
  return Finder(parent_of(worktree.common), contested).find(worktree);
}

bool contested_by_sessions(const std::string& path) {
  for (const std::string& id : known_sessions()) {
    const Json plan = saved_plan(id);
    const Json* project = find_member(plan, "project");
    const Json mounts = mounts_of(plan);
    const bool unknown = project != nullptr && mounts.empty() && covers(text_member(*project, "path"), path);
    if (unknown || may_replace(mounts, path)) return true;
  }
  return false;
}

std::vector<std::string> make_missing(std::vector<GuardedPath>& guards) {
  std::vector<std::string> notices;
  std::vector<GuardedPath> kept;
  for (GuardedPath& guard : guards) {
    if (guard.missing) {
      const std::string reason = make_folder(guard, guards);
      if (!reason.empty()) {
        notices.push_back("'" + printable(guard.path, 200) + "' is not guarded: " + reason);
        continue;
      }
    }
    kept.push_back(guard);
  }
  guards = std::move(kept);
  return notices;
}

std::vector<std::string> misplaced(const std::vector<GuardedPath>& guards, int pid) {
  std::vector<std::string> paths;
  const std::string root = "/proc/" + std::to_string(pid) + "/root";
  for (const GuardedPath& guard : guards) {
    struct stat status {};
    const bool shown = pid > 0 && ::stat((root + guard.target).c_str(), &status) == 0;
    if (!shown && ::lstat(guard.path.c_str(), &status) != 0) continue;
    if (status.st_dev != guard.device || status.st_ino != guard.inode) paths.push_back(guard.target);
  }
  return paths;
}

}  // namespace drydock::core
