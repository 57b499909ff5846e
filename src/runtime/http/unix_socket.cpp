#include "runtime/http/unix_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/stop_source.hpp"
#include "base/text.hpp"

namespace drydock::runtime::http {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds backlog_pause{20};

std::string engine_at(const std::string& path) { return "the engine at 'unix://" + printable(path) + "'"; }

}  // namespace

Error connect_error(const std::string& path, int errno_value) {
  const std::string message = "cannot connect to " + engine_at(path);
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      return Error(ErrorKind::unavailable, message + ": no such socket");
    case ECONNREFUSED:
      return Error(ErrorKind::unavailable, message + ": nobody listens there");
    case EACCES:
    case EPERM:
      return Error(ErrorKind::permission, message + ": permission denied");
    default:
      return Error(ErrorKind::unavailable, with_errno(message, errno_value));
  }
}

Error not_accepted(const std::string& path, milliseconds limit) {
  return Error(ErrorKind::timeout,
               "cannot reach " + engine_at(path) + ": it did not accept the connection in " + to_text(limit));
}

void require_fitting(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) throw connect_error(path, ENAMETOOLONG);
}

void wait_for_backlog(const StopSource* stop) { wait_ready(-1, 0, Clock::now() + backlog_pause, stop); }

UniqueFd connect_unix(const std::string& path, milliseconds limit, const StopSource* stop) {
  require_fitting(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw Error(ErrorKind::internal, with_errno("cannot make a socket", errno));

  const Deadline deadline = Clock::now() + limit;
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    // A unix socket is never "in progress": EAGAIN means a full backlog, and poll cannot wait for that.
    if (errno != EAGAIN) throw connect_error(path, errno);
    if (Clock::now() >= deadline) throw not_accepted(path, limit);
    wait_for_backlog(stop);
  }
  return fd;
}

bool wait_ready(int fd, short events, Deadline deadline, const StopSource* stop) {
  while (true) {
    if (stop != nullptr) stop->check();
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    std::array<pollfd, 2> watched{pollfd{fd, events, 0},
                                  pollfd{stop != nullptr ? stop->fd() : -1, POLLIN, 0}};
    const int timeout = static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 60'000));
    const int ready = ::poll(watched.data(), watched.size(), timeout);
    if (ready < 0 && errno != EINTR)
      throw Error(ErrorKind::internal, with_errno("cannot wait for a socket", errno));
    if (stop != nullptr) stop->check();
    if (ready > 0 && watched.front().revents != 0) return true;
    if (Clock::now() >= deadline) return false;
  }
}

Error protocol_error(const std::string& path, std::string_view reason) {
  return Error(ErrorKind::protocol, "cannot talk to " + engine_at(path) + ": " + std::string(reason));
}

Error no_answer(const std::string& path, milliseconds limit) {
  return Error(ErrorKind::timeout, "cannot reach " + engine_at(path) +
                                       ": it accepted the connection and did not answer in " +
                                       to_text(limit));
}

std::string to_text(milliseconds duration) {
  const auto count = duration.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace drydock::runtime::http
