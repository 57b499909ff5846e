#include "core/git_worktree.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/text.hpp"
#include "core/project.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view pointer_key = "gitdir: ";

bool covers(const std::string& folder, const std::string& path) {
  return path == folder || starts_with(path, folder + "/");
}

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) != nullptr ? std::string(resolved.data()) : std::string{};
}

// As git reads a pointer in a file of `folder`.
std::string target_of(const std::string& folder, const std::string& pointer) {
  std::string path = pointer.empty() ? "" : (fs::path(folder) / pointer).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// Without a link, and of this kind and owner.
bool belongs_to(uid_t user, const std::string& path, mode_t kind) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == kind && status.st_uid == user;
}

bool is_repository(const std::string& path) {
  std::error_code failed;
  return fs::is_regular_file(fs::symlink_status(path + "/HEAD", failed)) &&
         fs::is_directory(fs::symlink_status(path + "/objects", failed)) &&
         fs::is_directory(fs::symlink_status(path + "/refs", failed));
}

// Why the two do not belong together, or nothing.
std::string disagreement(const std::string& project, const GitWorktree& worktree, uid_t user) {
  const std::string& own = worktree.own;
  const std::string& common = worktree.common;
  if (real_path(own).empty()) return "which is not there";
  if (real_path(own) != own) return "a link is on the way to it";
  if (common.empty()) return "which is no worktree's part of a repository";
  if (fs::path(own).parent_path() != common + "/worktrees" || !is_repository(common))
    return "and the repository that this one names is another";
  if (target_of(own, first_line_of(own + "/gitdir")) != project + "/.git")
    return "which does not lead back to this folder; git worktree repair may mend that";
  for (const std::string& folder : {common, common + "/worktrees", own}) {
    if (!belongs_to(user, folder, S_IFDIR)) return "which belongs to somebody else";
  }
  for (const std::string& file : {project + "/.git", own + "/commondir", own + "/gitdir"}) {
    if (!belongs_to(user, file, S_IFREG)) return "which belongs to somebody else";
  }
  if (covers(common, project)) return "and the project lies in that repository";
  return mount_refusal(common).value_or("");
}

bool is_in_the_way(const std::vector<GuardedPath>& mounts, const std::string& common) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const GuardedPath& mount) {
    const bool overlaps = covers(common, mount.target) || covers(mount.target, common);
    return overlaps && mount.target != mount.path;
  });
}

}  // namespace

FoundWorktree find_worktree(const std::string& project, uid_t user) {
  const std::string line = first_line_of(project + "/.git");
  if (!starts_with(line, pointer_key)) return {};
  const std::string own = target_of(project, std::string(trim(line.substr(pointer_key.size()))));
  if (own.empty() || covers(project, own)) return {};
  const GitWorktree worktree{target_of(own, first_line_of(own + "/commondir")), own};
  const std::string why = disagreement(project, worktree, user);
  if (why.empty()) return {worktree, {}};
  return {std::nullopt,
          "git will not work in the session: .git leads to '" + printable(own, 200) + "', " + why};
}

void add_worktree(GitGuards& guards, const std::string& project, uid_t user,
                  const std::vector<GuardedPath>& mounts,
                  const std::function<bool(const std::string&)>& contested) {
  FoundWorktree found = find_worktree(project, user);
  if (!found.worktree) {
    if (!found.reason.empty()) guards.notices.push_back(found.reason);
    return;
  }
  const std::string& common = found.worktree->common;
  const std::string shown = "'" + printable(common, 200) + "'";
  if (is_in_the_way(mounts, common)) {
    guards.notices.push_back(
        "git will not work in the session: something else is mounted where its repository " + shown +
        " would be");
    return;
  }
  GitGuards wanted = find_worktree_guards(*found.worktree, contested);
  const auto has = [&](const std::string& path) {
    return std::any_of(wanted.paths.begin(), wanted.paths.end(),
                       [&](const GuardedPath& guard) { return guard.path == path; });
  };
  const std::string& own = found.worktree->own;
  const std::array<std::string, 5> needed{common + "/hooks", common + "/worktrees", own, own + "/commondir",
                                          own + "/gitdir"};
  const bool stays = std::any_of(guards.paths.begin(), guards.paths.end(),
                                 [&](const GuardedPath& guard) { return guard.path == project + "/.git"; });
  if (!stays || !std::all_of(needed.begin(), needed.end(), has)) {
    guards.notices.push_back("git will not work in the session: its repository " + shown +
                             " cannot be guarded" +
                             (wanted.notices.empty() ? "" : ": " + wanted.notices.front()));
    return;
  }
  guards.paths.insert(guards.paths.end(), wanted.paths.begin(), wanted.paths.end());
  guards.notices.insert(guards.notices.end(), wanted.notices.begin(), wanted.notices.end());
  guards.notices.push_back(
      "the project is a git worktree: its repository " + shown +
      " is mounted as well, so that git works; hooks and other worktrees in it are read-only");
  guards.worktree = std::move(found.worktree);
}

}  // namespace drydock::core
