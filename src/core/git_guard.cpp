#include "core/git_guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <optional>

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

// The first line of a small file, without a link; empty when there is none.
std::string first_line(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<char, longest_pointer> buffer{};
  const ssize_t count = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (count <= 0) return {};
  const std::string text(buffer.data(), static_cast<std::size_t>(count));
  return text.substr(0, text.find('\n'));
}

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
      const std::string line = first_line(git);
      if (starts_with(line, key)) add_pointed(project_, std::string(trim(line.substr(key.size()))));
    }
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
    const std::string pointer = first_line(folder + "/commondir");
    if (pointer.empty() || followed_) return;
    followed_ = true;
    add_pointed(folder, pointer);
  }

  bool add_hooks(const std::string& repository) {
    if (!add_way_to(repository)) return false;
    const std::string hooks = repository + "/hooks";
    return !is_folder(hooks) || add(hooks, true);
  }

  // Each folder from the project down to this one.
  bool add_way_to(const std::string& path) {
    for (auto slash = path.find('/', project_.size() + 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (!is_folder(part) || !add(part, false)) return false;
      if (slash == std::string::npos) return true;
    }
  }

  bool add(const std::string& path, bool read_only) {
    const bool known = std::any_of(found_.paths.begin(), found_.paths.end(),
                                   [&](const GuardedPath& guard) { return guard.path == path; });
    if (known) return true;
    const std::string shown = "'" + printable(path, 200) + "'";
    if (found_.paths.size() == most_guards) {
      found_.notices.push_back("hooks in " + shown + " and after it are not guarded: too many");
      return false;
    }
    const auto status = look(path);
    if (!status) return false;
    if (contested_(path)) {
      found_.notices.push_back(shown + " is not guarded: another session in this project could replace it");
      return false;
    }
    found_.paths.push_back({path, read_only, status->st_dev, status->st_ino, path});
    return true;
  }

  const std::string& project_;
  const std::function<bool(const std::string&)>& contested_;
  GitGuards found_;
  bool followed_ = false;
};

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
    return std::none_of(mounts.begin(), mounts.end(),
                        [&](const Json& other) { return text_member(other, "target") == inside; });
  });
}

}  // namespace

GitGuards find_git_guards(const std::string& project,
                          const std::function<bool(const std::string&)>& contested) {
  return Finder(project, contested).find();
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
