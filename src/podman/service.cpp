#include "podman/service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::podman {
namespace {

using std::chrono::steady_clock;

constexpr auto start_limit = std::chrono::seconds(15);
// With fewer open files Podman hangs half started, and answers other runs neither.
constexpr rlim_t least_descriptors = 256;
// Long enough that a script of many short runs keeps one service, short enough to be gone when one looks.
constexpr const char* idle_seconds = "--time=2";
// Asked about itself, Podman asks dpkg(1) in turn which packages its helpers come from: 0.4 s, for what
// drydock has no use for.
std::string no_packages = "DPKG_ADMINDIR=/nonexistent";

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  ::lseek(fd, 0, SEEK_SET);
  ssize_t count = 0;
  while (text.size() < 16384 && (count = ::read(fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return printable(trim(text), 1500);
}

// The service inherits the limit and raises it as far as it may.
void require_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= least_descriptors) return;
  throw Error(ErrorKind::unavailable,
              "cannot start 'podman system service': the limit on open files is " +
                  std::to_string(limit.rlim_max) + ", and it needs " + std::to_string(least_descriptors),
              "raise it: ulimit -n 1024");
}

// One that hangs does not listen to SIGTERM.
void end_service(pid_t child) {
  ::kill(child, SIGTERM);
  for (int i = 0; i < 100; ++i) {
    if (::waitpid(child, nullptr, WNOHANG) == child) return;
    ::poll(nullptr, 0, 10);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

std::vector<char*> service_environment(const std::string& directory) {
  // A folder that drydock does not use is none for Podman's files either; Podman then takes the user's own.
  const char* given = std::getenv("XDG_RUNTIME_DIR");
  const bool unusable = given == nullptr || std::string(given) + "/drydock" != directory;
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool misleading =
        starts_with(text, "CONTAINER_HOST=") || starts_with(text, "CONTAINER_CONNECTION=") ||
        starts_with(text, "NOTIFY_SOCKET=") || starts_with(text, "LISTEN_") ||
        starts_with(text, "DPKG_ADMINDIR=") || (unusable && starts_with(text, "XDG_RUNTIME_DIR="));
    if (!misleading) environment.push_back(*entry);
  }
  environment.push_back(no_packages.data());
  environment.push_back(nullptr);
  return environment;
}

pid_t spawn_service(const std::string& podman, const std::string& directory, const std::string& socket,
                    int stderr_fd) {
  const std::string address = "unix://" + socket;
  const std::array arguments{podman.c_str(), "system",        "service",
                             idle_seconds,   address.c_str(), static_cast<const char*>(nullptr)};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A session of its own: it outlives this run and no terminal signal reaches it.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> environment = service_environment(directory);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, podman.c_str(), &actions, &attributes,
                                   const_cast<char* const*>(arguments.data()), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    throw Error(ErrorKind::unavailable, with_errno("cannot start '" + podman + " system service'", failed),
                "install podman (apt install podman)");
  }
  return child;
}

}  // namespace

bool answers(const std::string& socket) {
  sockaddr_un address{};
  if (socket.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string find_podman() {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    const std::string candidate = folder + "/podman";
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::string private_socket() { return runtime_directory() + "/podman.sock"; }

std::string ensure_private_service(const StopSource* stop) {
  const std::string podman = find_podman();
  if (podman.empty()) {
    throw Error(ErrorKind::unavailable, "cannot use podman: it is not installed",
                "install podman (apt install podman), or use --runtime docker");
  }
  const std::string directory = runtime_directory();
  const std::string socket = private_socket();
  // Two runs that start at once share one service.
  const DirectoryLock lock(directory);
  if (answers(socket)) return socket;
  require_descriptors();
  ::unlink(socket.c_str());

  const UniqueFd words(::memfd_create("podman-service-stderr", MFD_CLOEXEC));
  const pid_t child = spawn_service(podman, directory, socket, words.get());
  log::debug("started {} system service on {}", podman, socket);
  const auto deadline = steady_clock::now() + start_limit;
  while (!answers(socket)) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      const std::string reason = read_all(words.get());
      throw Error(ErrorKind::unavailable,
                  "cannot start 'podman system service': " + (reason.empty() ? "it ended at once" : reason),
                  "see that 'podman info' works for you, or use --runtime docker");
    }
    if (steady_clock::now() > deadline) {
      end_service(child);
      throw Error(ErrorKind::timeout, "cannot start 'podman system service': no answer in 15 s",
                  "see that 'podman info' works for you, or use --runtime docker");
    }
    pollfd watch{stop != nullptr ? stop->fd() : -1, POLLIN, 0};
    ::poll(&watch, 1, 5);
    if (stop != nullptr && stop->requested()) {
      end_service(child);
      stop->check();
    }
  }
  return socket;
}

}  // namespace drydock::podman
