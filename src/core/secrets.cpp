#include "core/secrets.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t longest_value = std::size_t{512} << 10;
constexpr std::size_t longest_name = 64;
constexpr std::size_t most_secrets = 64;
constexpr const char* shared_memory = "/dev/shm";

[[noreturn]] void refuse(const std::string& name, const std::string& reason, const std::string& hint,
                         ErrorKind kind = ErrorKind::invalid) {
  throw Error(kind, "cannot pass secret '" + printable(name, 80) + "': " + reason, hint);
}

void check_name(const std::string& name) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const bool fit = !name.empty() && name.size() <= longest_name &&
                   name.find_first_not_of(plain) == std::string::npos && name.front() != '.' &&
                   name.front() != '-';
  if (!fit) {
    refuse(name, "that is not a name", "use up to 64 letters, digits and _.-, as in TOKEN or TOKEN=FILE",
           ErrorKind::usage);
  }
}

// The value is overwritten where it stands, which is where /proc/PID/environ shows it from.
std::string take_variable(const std::string& name) {
  char* const value = std::getenv(name.c_str());
  if (value == nullptr) {
    refuse(name, "there is no such variable here", "set it, or name a file: --secret " + name + "=FILE");
  }
  std::string taken = value;
  ::explicit_bzero(value, taken.size());
  ::unsetenv(name.c_str());
  return taken;
}

// Where an open file is now.
std::string path_of(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string{};
}

std::string read_secret_file(const std::string& name, const std::string& path, const Project& project) {
  const std::string shown = "file '" + printable(path, 300) + "' ";
  // Without O_NONBLOCK a pipe would be waited for.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) {
    refuse(name, with_errno(shown + "cannot be read", errno), "name a file that you may read");
  }
  if (!S_ISREG(status.st_mode)) refuse(name, shown + "is not a regular file", "name a regular file");
  if (::geteuid() != 0 && status.st_uid != ::geteuid()) {
    refuse(name, shown + "belongs to another user", "make a copy of it that is yours", ErrorKind::refused);
  }
  const std::string real = path_of(file.get());
  if (real.empty() || starts_with(real, project.path + "/")) {
    refuse(name, shown + "is in the project, which the session sees anyway", "keep it outside the project",
           ErrorKind::refused);
  }
  std::string value(longest_value + 1, '\0');
  std::size_t size = 0;
  while (size < value.size()) {
    const ssize_t count = ::read(file.get(), value.data() + size, value.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(name, with_errno(shown + "cannot be read", errno), "name a file that you may read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > longest_value) refuse(name, shown + "is larger than 512 KiB", "name a smaller file");
  value.resize(size);
  return value;
}

bool is_in_memory(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

std::string below_runtime(const std::string& session) { return session_directory(session) + "/secrets"; }

std::string below_shared_memory(const std::string& session) {
  return std::string(shared_memory) + "/drydock-" + std::to_string(::geteuid()) + "-" + session;
}

[[noreturn]] void cannot_write(const std::string& path) {
  throw Error(ErrorKind::internal, with_errno("cannot write file '" + path + "'", errno));
}

}  // namespace

bool is_variable_name(const std::string& name) {
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
             std::string::npos;
}

void keep_out_of_core_files() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot keep secrets out of core files", errno));
  }
}

std::vector<Secret> take_secrets(const std::vector<std::string>& requests, const Project& project) {
  std::vector<Secret> secrets;
  for (const std::string& request : requests) {
    const auto equals = request.find('=');
    const std::string name = request.substr(0, equals);
    check_name(name);
    const bool twice = std::any_of(secrets.begin(), secrets.end(),
                                   [&](const Secret& secret) { return secret.name == name; });
    if (twice) refuse(name, "it is given twice", "give each its own name", ErrorKind::usage);
    if (secrets.size() == most_secrets)
      refuse(name, "there are more than 64", "pass fewer", ErrorKind::usage);
    if (equals == request.size() - 1)
      refuse(name, "no file is named", "write it as " + name + "=FILE, or " + name + " for your variable",
             ErrorKind::usage);
    secrets.push_back({name, equals == std::string::npos
                                 ? take_variable(name)
                                 : read_secret_file(name, request.substr(equals + 1), project)});
    if (secrets.back().value.empty()) refuse(name, "it is empty", "give it a value, or leave it out");
  }
  return secrets;
}

std::vector<std::string> secret_variables(const std::vector<Secret>& secrets, const AgentProfile& agent) {
  std::vector<std::string> names;
  for (const Secret& secret : secrets) {
    const bool as_variable =
        std::any_of(agent.secrets.begin(), agent.secrets.end(),
                    [&](const AgentSecret& known) { return known.environment && known.name == secret.name; });
    if (!as_variable) continue;
    if (!is_variable_name(secret.name) || secret.value.find('\0') != std::string::npos) {
      refuse(secret.name, "agent '" + agent.name + "' takes it as a variable, and it cannot be one",
             "give it a value of text");
    }
    names.push_back(secret.name);
  }
  return names;
}

std::string secrets_directory(const std::string& session) {
  if (is_in_memory(runtime_directory())) return below_runtime(session);
  if (is_in_memory(shared_memory) && ::access(shared_memory, W_OK | X_OK) == 0)
    return below_shared_memory(session);
  throw Error(ErrorKind::unsupported,
              "cannot pass secrets: neither '" + runtime_directory() + "' nor '" + shared_memory +
                  "' is in memory, and they would be written to a disk",
              "set XDG_RUNTIME_DIR to a folder of yours on a tmpfs");
}

void write_secrets(const std::string& directory, const std::vector<Secret>& secrets, std::uint32_t uid,
                   std::uint32_t gid) {
  if (::mkdir(directory.c_str(), 0700) != 0) cannot_write(directory);
  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder || !is_in_memory(directory)) cannot_write(directory);
  const bool give = ::geteuid() == 0;
  for (const Secret& secret : secrets) {
    const std::string path = directory + "/" + secret.name;
    const UniqueFd file(::openat(folder.get(), secret.name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
    if (!file || ::fchmod(file.get(), 0400) != 0) cannot_write(path);
    std::string_view rest = secret.value;
    while (!rest.empty()) {
      const ssize_t written = ::write(file.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) cannot_write(path);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (give && ::fchown(file.get(), uid, gid) != 0) cannot_write(path);
  }
  if (give && ::fchown(folder.get(), uid, gid) != 0) cannot_write(directory);
}

void remove_secrets(const std::string& session) {
  remove_tree(below_runtime(session));
  remove_tree(below_shared_memory(session));
}

std::vector<std::string> with_secret_variables(const std::vector<std::string>& names,
                                               const std::vector<std::string>& command) {
  if (names.empty()) return command;
  std::string script;
  for (const std::string& name : names) {
    script += name + "=$(cat " + secrets_target + "/" + name + ") && export " + name + " || exit 125; ";
  }
  std::vector<std::string> wrapped{"/bin/sh", "-c", script + "exec \"$@\"", "sh"};
  wrapped.insert(wrapped.end(), command.begin(), command.end());
  return wrapped;
}

}  // namespace drydock::core
