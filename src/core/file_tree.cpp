#include "core/file_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

[[noreturn]] void cannot(const char* verb, const std::string& path, int cause) {
  throw Error(ErrorKind::permission,
              with_errno(std::string("cannot ") + verb + " file '" + printable(path, 300) + "'", cause));
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash);
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

UniqueFd open_parent(int folder, const std::string& path) {
  const std::string parent = parent_of(path);
  UniqueFd opened = open_below(folder, parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
  if (!opened) cannot("open", parent, errno);
  return opened;
}

std::string leaf_of(const std::string& path) {
  return path.substr(parent_of(path).empty() ? 0 : path.rfind('/') + 1);
}

void write_bytes(int target, std::string_view rest, const std::string& path) {
  while (!rest.empty()) {
    const ssize_t written = ::write(target, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot("write", path, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void copy_bytes(int source, int target, const std::string& path) {
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(source, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannot("read", path, errno);
    if (count == 0) return;
    write_bytes(target, {buffer.data(), static_cast<std::size_t>(count)}, path);
  }
}

}  // namespace

UniqueFd open_below(int folder, const std::string& path, int flags, unsigned mode) {
  open_how how{};
  // openat2(2) takes few flags beside O_PATH; a pipe would be waited for.
  const int careful = (flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY;
  how.flags = static_cast<unsigned>(flags | careful | O_CLOEXEC | O_NOFOLLOW);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

UniqueFd open_folder(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder)
    throw Error(ErrorKind::invalid, with_errno("cannot open folder '" + printable(path, 300) + "'", errno));
  return folder;
}

std::optional<std::vector<std::string>> names_below(int folder, const std::string& path) {
  UniqueFd opened = open_below(folder, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  if (!opened) return std::nullopt;
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(opened.get()));
  if (!directory) return std::nullopt;
  opened.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void walk_files(int folder, const std::string& path, const TreeLimits& limits,
                const std::function<void(const std::string&, const struct stat&)>& visit,
                const std::function<void(const std::string&, const std::string&)>& refused) {
  struct Waiting {
    std::string path;
    std::size_t depth;
  };
  std::size_t visited = 0;
  std::deque<Waiting> waiting{{path, 0}};
  while (!waiting.empty()) {
    const Waiting next = waiting.front();
    waiting.pop_front();
    const UniqueFd opened = open_below(folder, next.path.empty() ? "." : next.path, O_PATH);
    struct stat status {};
    if (!opened || ::fstat(opened.get(), &status) != 0) {
      if (errno == ENOENT && next.depth == 0) continue;
      refused(next.path, errno == ELOOP ? "there is a link on the way to it" : with_errno("open", errno));
    } else if (S_ISDIR(status.st_mode)) {
      if (next.depth == limits.depth) {
        refused(next.path, "it is too deep");
        continue;
      }
      const auto names = names_below(folder, next.path);
      if (!names) {
        refused(next.path, with_errno("open", errno));
        continue;
      }
      for (const std::string& name : *names) {
        // A bound on what is remembered as well.
        if (visited + waiting.size() >= limits.files) {
          refused(next.path, "there are too many files");
          break;
        }
        waiting.push_back({joined(next.path, name), next.depth + 1});
      }
    } else if (S_ISLNK(status.st_mode)) {
      refused(next.path, "it is a link");
    } else if (!S_ISREG(status.st_mode)) {
      refused(next.path, "it is neither a file nor a folder");
    } else if (static_cast<std::uint64_t>(status.st_size) > limits.file_size) {
      refused(next.path, "it is too large");
    } else {
      ++visited;
      visit(next.path, status);
    }
  }
}

void make_folders_below(int folder, const std::string& path, const std::optional<FileOwner>& owner) {
  std::string made;
  for (const std::string& part : split(path, '/')) {
    if (part.empty()) continue;
    made = joined(made, part);
    const UniqueFd parent = open_parent(folder, made);
    if (::mkdirat(parent.get(), part.c_str(), 0700) != 0) {
      if (errno != EEXIST) cannot("make", made, errno);
      continue;
    }
    if (owner && ::fchownat(parent.get(), part.c_str(), owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0)
      cannot("give away", made, errno);
  }
}

void copy_below(int from, const std::string& source, int to, const std::string& target,
                const std::optional<FileOwner>& owner, bool durable) {
  const UniqueFd input = open_below(from, source, O_RDONLY);
  struct stat status {};
  if (!input || ::fstat(input.get(), &status) != 0) cannot("read", source, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::invalid,
                "cannot copy file '" + printable(source, 300) + "': it is no regular file any more");
  }
  make_folders_below(to, parent_of(target), owner);
  const UniqueFd parent = open_parent(to, target);
  const std::string leaf = leaf_of(target);
  const int place = durable ? to : parent.get();
  const std::string name = durable ? unfinished_prefix + random_hex(16) : leaf;
  const unsigned mode = (status.st_mode & S_IXUSR) != 0 ? 0700 : 0600;
  const UniqueFd output = open_below(place, name, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!output) cannot("make", target, errno);
  try {
    copy_bytes(input.get(), output.get(), target);
    if (::fchmod(output.get(), mode) != 0) cannot("write", target, errno);
    if (owner && ::fchown(output.get(), owner->uid, owner->gid) != 0) cannot("give away", target, errno);
    if (!durable) return;
    if (::fsync(output.get()) != 0 || ::renameat(place, name.c_str(), parent.get(), leaf.c_str()) != 0)
      cannot("replace", target, errno);
    ::fsync(parent.get());
  } catch (const Error&) {
    ::unlinkat(place, name.c_str(), 0);
    throw;
  }
}

void write_below(int folder, const std::string& path, std::string_view text,
                 const std::optional<FileOwner>& owner) {
  make_folders_below(folder, parent_of(path), owner);
  const UniqueFd parent = open_parent(folder, path);
  const std::string name = unfinished_prefix + random_hex(16);
  const UniqueFd output = open_below(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!output) cannot("make", path, errno);
  try {
    write_bytes(output.get(), text, path);
    if (owner && ::fchown(output.get(), owner->uid, owner->gid) != 0) cannot("give away", path, errno);
    if (::renameat(folder, name.c_str(), parent.get(), leaf_of(path).c_str()) != 0)
      cannot("replace", path, errno);
  } catch (const Error&) {
    ::unlinkat(folder, name.c_str(), 0);
    throw;
  }
}

std::optional<std::string> read_below(int folder, const std::string& path, std::size_t largest) {
  const UniqueFd file = open_below(folder, path, O_RDONLY);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string text(largest + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > largest) return std::nullopt;
  text.resize(size);
  return text;
}

void exchange_below(int folder, const std::string& fresh, const std::string& name) {
  if (::renameat2(folder, fresh.c_str(), folder, name.c_str(), RENAME_EXCHANGE) != 0) {
    if (errno != ENOENT || ::renameat2(folder, fresh.c_str(), folder, name.c_str(), RENAME_NOREPLACE) != 0)
      cannot("replace", name, errno);
  }
  ::fsync(folder);
}

void remove_beginning_with(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> left;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (starts_with(entry.path().filename().string(), prefix)) left.push_back(entry.path().string());
  }
  for (const std::string& path : left) remove_tree(path);
}

}  // namespace drydock::core
