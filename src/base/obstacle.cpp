#include "base/obstacle.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/directories.hpp"
#include "base/shell.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as the kernel follows them

std::string words_of(int cause) { return std::generic_category().message(cause); }

std::string shown(const std::string& path) { return printable(shell_word(path), 4096); }

bool is_link(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

fs::path target_of(const fs::path& link) {
  std::error_code failed;
  const fs::path target = fs::read_symlink(link, failed);
  return failed ? fs::path() : (link.parent_path() / target).lexically_normal();
}

// The first folder on the way to `path` that this user cannot enter; empty when there is none.
std::string closed_folder(const fs::path& path, int links = 0) {
  if (links > most_links) return {};
  fs::path partial;
  for (const fs::path& part : path.parent_path()) {
    partial /= part;
    if (::faccessat(AT_FDCWD, partial.c_str(), X_OK, AT_EACCESS) == 0) continue;
    if (errno != EACCES) return {};
    const fs::path target = target_of(partial);
    if (target.empty()) return partial.string();
    const std::string deeper = closed_folder(target, links + 1);
    return deeper.empty() ? target.string() : deeper;
  }
  const fs::path target = target_of(path);
  return target.empty() ? std::string() : closed_folder(target, links + 1);
}

// The first part of `path` that is something else than a folder.
std::string no_folder_in(const fs::path& path) {
  fs::path partial;
  for (const fs::path& part : path) {
    partial /= part;
    if (!is_folder(partial.string())) return partial.string();
  }
  return path.string();
}

std::string name_of(uid_t user) {
  std::vector<char> buffer(16384);
  struct passwd entry {};
  struct passwd* found = nullptr;
  const bool known =
      ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return known ? printable(entry.pw_name, 80) : std::to_string(user);
}

// How `path`, which is there and which its mode keeps this user from, is made usable.
std::string way_in(const std::string& path, Access access) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "see who may use it: namei -l " + shown(path);
  const bool folder = access != Access::read_file;
  if (status.st_uid == ::geteuid()) {
    const mode_t wanted = folder ? S_IRWXU : S_IRUSR;
    if ((status.st_mode & wanted) == wanted) return "see what keeps you from it: namei -l " + shown(path);
    return folder ? "open the folder for yourself: chmod u+rwx " + shown(path)
                  : "make it readable for you: chmod u+r " + shown(path);
  }
  const std::string owner = name_of(status.st_uid);
  if (starts_with(path, home_directory() + "/"))
    return "make it yours, for it is " + owner + "'s: sudo chown " + name_of(::geteuid()) + " " + shown(path);
  if (access == Access::change_folder)
    return "have " + owner + ", whose folder it is, let you write in " + shown(path);
  return "have " + owner + ", whose it is, make it readable for you: chmod " + (folder ? "a+rx " : "a+r ") +
         shown(path);
}

std::string hint_for(Access access, const std::string& path, int cause) {
  const std::string wanted = access == Access::read_file ? "a file" : "a folder";
  if (cause == ELOOP || (cause == ENOENT && is_link(path)))
    return "have it lead to " + wanted + ", or remove it: rm " + shown(path);
  switch (cause) {
    case EACCES:
    case EPERM: {
      const std::string closed = closed_folder(path);
      return closed.empty() ? way_in(path, access) : way_in(closed, Access::list_folder);
    }
    case EISDIR:
    case EINVAL:
      return "put a file in its place, or name another";
    case ENOTDIR:
      return "put a folder in the place of " +
             shown(no_folder_in(access == Access::read_file ? fs::path(path).parent_path() : fs::path(path)));
    case EROFS:
      return "have the file system of " + shown(path) + " writable: it is mounted read-only";
    case ENOSPC:
    case EDQUOT:
      return "make room where " + shown(path) + " is";
    case EFBIG:
      return "make it smaller";
    default:
      return cause == ENOENT && access == Access::read_file ? "name one that is there"
                                                            : "look at it: ls -ld " + shown(path);
  }
}

tl::unexpected<Obstacle> fails(const std::string& path, int cause) {
  return tl::unexpected<Obstacle>(obstacle_to(Access::read_file, path, cause));
}

}  // namespace

Obstacle obstacle_to(Access access, const std::string& path, int cause) {
  Obstacle obstacle{cause, words_of(cause), hint_for(access, path, cause)};
  if (cause == ENOENT && is_link(path)) obstacle.reason = "it is a symbolic link to nothing";
  if (cause == EISDIR) obstacle.reason = "it is a directory";
  return obstacle;
}

tl::expected<std::string, Obstacle> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return fails(path, errno);
  if (S_ISDIR(status.st_mode)) return fails(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    Obstacle other = obstacle_to(Access::read_file, path, EINVAL);
    other.reason = "it is not a regular file";
    return tl::unexpected<Obstacle>(std::move(other));
  }
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fails(path, errno);
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > limit) {
      Obstacle large = obstacle_to(Access::read_file, path, EFBIG);
      large.reason = "it is larger than " + std::to_string(limit >> 20) + " MiB";
      return tl::unexpected<Obstacle>(std::move(large));
    }
  }
}

}  // namespace drydock
