#include "fake_daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"

namespace drydock::test {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("fake daemon: ") + what + ": " + std::strerror(errno));
}

sockaddr_un address_of(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

UniqueFd listen_at(const std::string& socket, int backlog) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_of(socket);
  require(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  require(::listen(fd.get(), backlog) == 0, "listen");
  return fd;
}

std::size_t body_size(std::string_view head) {
  for (const std::string& line : split(head, '\n')) {
    constexpr std::string_view name = "content-length:";
    if (starts_with(to_lower_ascii(line), name)) return std::stoul(line.substr(name.size()));
  }
  return 0;
}

}  // namespace

bool Peer::wait(short events) {
  std::array<pollfd, 2> watched{pollfd{fd_, events, 0}, pollfd{daemon_.stop_read_.get(), POLLIN, 0}};
  while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
  }
  return watched[1].revents == 0;
}

bool Peer::receive() {
  std::array<char, 65536> piece;
  while (wait(POLLIN)) {
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) return false;
    received_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }
  return false;
}

std::string Peer::read_request() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive()) return {};
  }
  const std::size_t size = end + 4 + body_size(received_.substr(0, end));
  while (received_.size() < size) {
    if (!receive()) return {};
  }
  std::string request = received_.substr(0, size);
  received_.erase(0, size);
  daemon_.record(request);
  return request;
}

std::string Peer::read_to_end() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

void Peer::await_input() { wait(POLLIN); }

void Peer::send(std::string_view bytes) {
  while (!bytes.empty() && wait(POLLOUT)) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Peer::send_in_pieces(std::string_view bytes, std::chrono::milliseconds pause) {
  constexpr std::array<std::size_t, 6> sizes{1, 2, 3, 5, 8, 13};
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t size = std::min(bytes.size(), sizes[i % sizes.size()]);
    send(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (pause.count() > 0 && !bytes.empty() && !sleep(pause)) return;
  }
}

void Peer::hang() { read_to_end(); }

void Peer::finish_output() { ::shutdown(fd_, SHUT_WR); }

bool Peer::sleep(std::chrono::milliseconds duration) {
  pollfd stop{daemon_.stop_read_.get(), POLLIN, 0};
  return ::poll(&stop, 1, static_cast<int>(duration.count())) == 0;
}

FakeDaemon::FakeDaemon(std::vector<Script> scripts)
    : directory_("fake"), socket_(directory_.path() + "/d.sock"), scripts_(std::move(scripts)) {
  int ends[2];
  require(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  stop_read_.reset(ends[0]);
  stop_write_.reset(ends[1]);
  listener_ = listen_at(socket_, 16);
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeDaemon::~FakeDaemon() {
  stop_write_.reset();
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
}

void FakeDaemon::accept_all() {
  std::array<pollfd, 2> watched{pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_read_.get(), POLLIN, 0}};
  while (true) {
    ::poll(watched.data(), watched.size(), -1);
    if (watched[1].revents != 0) return;
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const std::lock_guard lock(mutex_);
    const Script& script = scripts_[std::min(threads_.size(), scripts_.size() - 1)];
    threads_.emplace_back([this, &script, fd] {
      const UniqueFd owner(fd);
      Peer peer(*this, fd);
      script(peer);
    });
  }
}

void FakeDaemon::record(const std::string& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
}

std::size_t FakeDaemon::connections() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

std::vector<std::string> FakeDaemon::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t FakeDaemon::count(std::string_view beginning) const {
  const auto all = requests();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const std::string& one) { return starts_with(one, beginning); }));
}

FullListener::FullListener() : directory_("full"), socket_(directory_.path() + "/d.sock") {
  fds_.push_back(listen_at(socket_, 0));
  const sockaddr_un address = address_of(socket_);
  do {
    fds_.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  } while (::connect(fds_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  require(errno == EAGAIN, "connect");
}

std::string ok(std::string_view body) { return answer("200 OK", body); }

std::string answer(std::string_view status, std::string_view body, std::string_view type) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nContent-Type: ").append(type);
  text.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return text;
}

FakeDaemon::Script always(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    while (!peer.read_request().empty()) peer.send_in_pieces(bytes);
  };
}

FakeDaemon::Script once(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.read_request();
    peer.send(bytes);
  };
}

}  // namespace drydock::test
