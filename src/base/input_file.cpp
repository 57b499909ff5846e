#include "base/input_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

tl::unexpected<InputFault> fault(int cause, const std::string& reason) {
  return tl::unexpected<InputFault>(InputFault{cause, reason});
}

tl::unexpected<InputFault> fault(int cause) { return fault(cause, std::generic_category().message(cause)); }

// Where nothing is: the link on the way that leads to nothing; empty when there is none.
std::string dangling_link(std::filesystem::path path) {
  struct stat status {};
  for (; path.has_relative_path(); path = path.parent_path()) {
    if (::lstat(path.c_str(), &status) != 0) continue;
    return S_ISLNK(status.st_mode) && ::stat(path.c_str(), &status) != 0 ? path.string() : std::string{};
  }
  return {};
}

tl::unexpected<InputFault> cannot_open(const std::string& path, int cause) {
  // A socket has no other answer.
  if (cause == ENXIO) return fault(EINVAL, "it is not a regular file");
  const std::string link = cause == ENOENT ? dangling_link(path) : "";
  if (link.empty()) return fault(cause);
  return fault(ELOOP,
               (link == path ? "it" : "'" + printable(link, 300) + "'") + " is a symbolic link to nothing");
}

// Whoever made a pipe without a name has given its other end to somebody.
bool is_unnamed_pipe(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == PIPEFS_MAGIC;
}

bool is_readable_kind(int fd, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return true;
  if (S_ISFIFO(status.st_mode)) return is_unnamed_pipe(fd);
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);  // /dev/null
}

void wait_for_more(int fd, const StopSource* stop) {
  std::array<pollfd, 2> watched{{{fd, POLLIN, 0}, {stop != nullptr ? stop->fd() : -1, POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), -1);
  if (stop != nullptr) stop->check();
}

}  // namespace

tl::expected<std::string, InputFault> read_input_file(const std::string& path, const StopSource* stop) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return cannot_open(path, errno);
  if (S_ISDIR(status.st_mode)) return fault(EISDIR, "it is a directory");
  if (!is_readable_kind(file.get(), status)) return fault(EINVAL, "it is not a regular file");
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) break;
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
      if (text.size() > max_input_size) return fault(EFBIG, "it is larger than 1 MiB");
    } else if (errno == EAGAIN) {
      wait_for_more(file.get(), stop);
    } else if (errno != EINTR) {
      return fault(errno);
    }
  }
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (starts_with(text, byte_order_mark)) text.erase(0, byte_order_mark.size());
  return text;
}

}  // namespace drydock
