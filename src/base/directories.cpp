#include "base/directories.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "base/obstacle.hpp"

namespace drydock {
namespace {

std::string xdg(const char* variable, const std::string& fallback) {
  const char* value = std::getenv(variable);
  // The specification: a relative path there is invalid and to be ignored.
  return (value != nullptr && *value == '/' ? std::string(value) : home_directory() + fallback) + "/drydock";
}

// One that nobody else can change: in another, what drydock makes could be replaced.
bool is_own_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 022) == 0;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = own < 0 ? nullptr : ::fdopendir(own);
  if (directory == nullptr) {
    if (own >= 0) ::close(own);
    return names;
  }
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(directory);
  return names;
}

bool is_folder(int parent, const std::string& name) {
  struct stat status {};
  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// What lies deeper is moved up and comes later: a tree may be deeper than there are descriptors. Nobody else
// may be at work in it.
void empty_folder(int top) {
  std::size_t moved = 0;
  for (bool progress = true; progress;) {
    progress = false;
    for (const std::string& name : names_in(top)) {
      if (!is_folder(top, name)) {
        progress = ::unlinkat(top, name.c_str(), 0) == 0 || progress;
        continue;
      }
      ::fchmodat(top, name.c_str(), 0700, 0);
      const UniqueFd folder(::openat(top, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!folder) continue;
      for (const std::string& inner : names_in(folder.get())) {
        if (!is_folder(folder.get(), inner)) {
          ::unlinkat(folder.get(), inner.c_str(), 0);
          continue;
        }
        ::fchmodat(folder.get(), inner.c_str(), 0700, 0);
        const std::string place = ".drydock-" + std::to_string(moved++);
        ::renameat(folder.get(), inner.c_str(), top, place.c_str());
      }
      progress = ::unlinkat(top, name.c_str(), AT_REMOVEDIR) == 0 || progress;
    }
  }
}

}  // namespace

std::string home_directory() {
  const char* home = std::getenv("HOME");
  struct stat status {};
  const bool there = home != nullptr && *home == '/' && ::stat(home, &status) == 0 && S_ISDIR(status.st_mode);
  return there ? home : login_directory();
}

std::string login_directory() {
  std::vector<char> buffer(16384);
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr &&
      entry.pw_dir != nullptr && *entry.pw_dir == '/') {
    return entry.pw_dir;
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? home : "/";
}

std::vector<std::string> home_directories() {
  std::vector<std::string> homes{home_directory(), login_directory()};
  for (std::string& home : homes) {
    std::error_code failed;
    const std::filesystem::path real = std::filesystem::canonical(home, failed);
    if (!failed) home = real.string();
  }
  homes.erase(std::remove(homes.begin(), homes.end(), "/"), homes.end());
  std::sort(homes.begin(), homes.end());
  homes.erase(std::unique(homes.begin(), homes.end()), homes.end());
  return homes;
}

std::string config_directory() { return xdg("XDG_CONFIG_HOME", "/.config"); }

std::string state_directory() { return xdg("XDG_STATE_HOME", "/.local/state"); }

std::string cache_directory() { return xdg("XDG_CACHE_HOME", "/.cache"); }

std::string runtime_directory() {
  const std::string uid = std::to_string(::geteuid());
  std::string path;
  if (const char* given = std::getenv("XDG_RUNTIME_DIR");
      given != nullptr && *given == '/' && is_own_directory(given)) {
    path = std::string(given) + "/drydock";
  } else if (is_own_directory("/run/user/" + uid)) {
    path = "/run/user/" + uid + "/drydock";
  } else {
    path = "/tmp/drydock-" + uid;
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(ErrorKind::permission, with_errno("cannot make directory '" + path + "'", errno),
                "set XDG_RUNTIME_DIR to a directory of yours");
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() ||
      (status.st_mode & 077) != 0) {
    throw Error(ErrorKind::permission,
                "cannot use directory '" + path + "': it is not a directory that only you can enter",
                "remove it, or run: chmod 700 " + path);
  }
  return path;
}

void make_directories(const std::string& path, unsigned mode) {
  std::filesystem::path partial;
  for (const auto& part : std::filesystem::path(path)) {
    const std::filesystem::path parent = partial.empty() ? std::filesystem::path(".") : partial;
    partial /= part;
    // An automounter or a read-only file system may refuse what is there already.
    if (::mkdir(partial.c_str(), mode) == 0) continue;
    int cause = errno;
    if (is_directory(partial.string())) continue;
    std::string blamed = parent.string();
    if (cause == EEXIST) {
      // Something else is there, or a link to nothing.
      blamed = partial.string();
      cause = ::access(partial.c_str(), F_OK) == 0 ? ENOTDIR : errno;
    }
    const Obstacle obstacle = obstacle_to(Access::change_folder, blamed, cause);
    throw Error(ErrorKind::invalid, "cannot make directory '" + partial.string() + "': " + obstacle.reason,
                obstacle.hint);
  }
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  const UniqueFd top(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top) return;
  ::fchmodat(AT_FDCWD, path.c_str(), 0700, 0);
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder) empty_folder(folder.get());
  ::rmdir(path.c_str());
}

DirectoryLock::DirectoryLock(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_) {
    const Obstacle obstacle = obstacle_to(Access::list_folder, path, errno);
    throw Error(ErrorKind::invalid, "cannot open directory '" + path + "': " + obstacle.reason,
                obstacle.hint);
  }
  while (::flock(fd_.get(), LOCK_EX) != 0) {
    if (errno != EINTR)
      throw Error(ErrorKind::internal, with_errno("cannot lock directory '" + path + "'", errno));
  }
}

}  // namespace drydock
