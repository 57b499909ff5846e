#include "guard/probe_dial.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The proxy is near; what takes it this long is a fault.
constexpr milliseconds answer_limit{5000};

}  // namespace

int Clock::left() const {
  const auto rest = std::chrono::duration_cast<milliseconds>(end_ - steady_clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(rest, 0));
}

bool wait_for(int fd, short events, const Clock& clock) {
  pollfd watch{fd, events, 0};
  while (true) {
    const int count = ::poll(&watch, 1, clock.left());
    if (count < 0 && errno == EINTR) continue;
    return count > 0;
  }
}

Dialled dial(const Endpoint& to, int type, const Clock& clock) {
  sockaddr_storage address{};
  const socklen_t size = to.address.to_sockaddr(to.port, address);
  Dialled result{UniqueFd(::socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), 0};
  if (!result.fd) return {{}, errno};
  if (::connect(result.fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return result;
  if (errno != EINPROGRESS) return {{}, errno};
  if (!wait_for(result.fd.get(), POLLOUT, clock)) return {{}, ETIMEDOUT};
  socklen_t length = sizeof result.error;
  ::getsockopt(result.fd.get(), SOL_SOCKET, SO_ERROR, &result.error, &length);
  return result;
}

std::string word(int error) {
  switch (error) {
    case 0:
      return "connected";
    case ECONNREFUSED:
      return "refused";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "unreachable";
    case ETIMEDOUT:
      return "no answer";
    default:
      return std::strerror(error);
  }
}

Said converse(const Endpoint& to, const std::string& words, std::size_t enough) {
  const Clock clock(answer_limit);
  const Dialled dialled = dial(to, SOCK_STREAM, clock);
  if (dialled.error != 0) return {{}, dialled.error};
  Said said;
  if (::send(dialled.fd.get(), words.data(), words.size(), MSG_NOSIGNAL) < 0) return said;
  std::array<char, 512> block{};
  while (said.text.size() < enough) {
    if (!wait_for(dialled.fd.get(), POLLIN, clock)) return {said.text, ETIMEDOUT};
    const ssize_t count = ::recv(dialled.fd.get(), block.data(), block.size(), 0);
    if (count <= 0) break;
    said.text.append(block.data(), static_cast<std::size_t>(count));
  }
  return said;
}

std::string ask_proxy(const Endpoint& proxy, const std::string& request) {
  // "HTTP/1.1 403"
  constexpr std::size_t status_end = 12;
  const Said said = converse(proxy, request, status_end);
  if (said.error != 0 && said.text.empty()) return "proxy: " + word(said.error);
  const bool http = said.text.size() >= status_end && said.text.compare(0, 5, "HTTP/") == 0;
  const std::string status = http ? said.text.substr(status_end - 3, 3) : "";
  const bool number = status.size() == 3 && status.find_first_not_of("0123456789") == std::string::npos;
  return number ? status : "proxy: closed";
}

std::string connect_request(const std::string& authority) {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}

}  // namespace drydock::guard
