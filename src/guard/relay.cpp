#include "guard/relay.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace drydock::guard {
namespace {

// One for all: a relay uses it between a read and the write that follows at once.
std::array<char, 65536> scratch;
PipePool pipes;
bool may_splice = true;

constexpr int rounds = 8;  // of readings from one side before it is another's turn

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

std::string describe(int error) { return std::strerror(error); }

}  // namespace

Relay::Relay(Loop& loop, UniqueFd client, UniqueFd server, std::function<void(const std::string&)> ended)
    : loop_(loop), ended_(std::move(ended)) {
  client_.fd = std::move(client);
  server_.fd = std::move(server);
}

Relay::~Relay() {
  if (finished_) return;
  loop_.remove(client_.fd.get());
  loop_.remove(server_.fd.get());
}

void Relay::start(std::string first) {
  server_.pending = std::move(first);
  loop_.add(client_.fd.get(), 0, [this](std::uint32_t events) { handle(client_, server_, events); });
  loop_.add(server_.fd.get(), 0, [this](std::uint32_t events) { handle(server_, client_, events); });
  if (flush(server_)) settle();
}

void Relay::at_mark(std::uint64_t mark, std::function<void()> action) {
  mark_ = mark;
  at_mark_ = std::move(action);
}

void Relay::handle(Side& side, Side& other, std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return finish(describe(socket_error(side.fd.get())));
  if ((events & EPOLLOUT) != 0 && !flush(side)) return;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !side.at_end && !other.waits() && !read_from(side, other)) {
    return;
  }
  // Both directions of the socket are over while something is left to be written to it.
  if ((events & EPOLLHUP) != 0 && side.at_end && side.waits() && !flush(side)) return;
  settle();
}

// These return false when the relay has ended.
bool Relay::read_from(Side& side, Side& other) {
  for (int round = 0; round < rounds && !side.at_end && !other.waits(); ++round) {
    if (!other.pipe && side.much && may_splice) other.pipe = pipes.take();
    if (!(other.pipe ? splice(side, other) : copy(side, other))) return false;
    if (!side.much) break;
  }
  if (other.pipe && other.piped == 0) {
    pipes.give_back(std::move(*other.pipe));
    other.pipe.reset();
  }
  return true;
}

bool Relay::copy(Side& side, Side& other) {
  const ssize_t count = ::recv(side.fd.get(), scratch.data(), scratch.size(), 0);
  side.much = count == static_cast<ssize_t>(scratch.size());
  if (count < 0) {
    if (would_block()) return true;
    finish(describe(errno));
    return false;
  }
  if (count == 0) {
    side.at_end = true;
    return true;
  }
  std::string_view bytes(scratch.data(), static_cast<std::size_t>(count));
  const ssize_t written = ::send(other.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (written < 0 && !would_block()) {
    finish(describe(errno));
    return false;
  }
  if (written > 0) {
    other.written += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  other.pending = bytes;
  return true;
}

bool Relay::splice(Side& side, Side& other) {
  const ssize_t count = ::splice(side.fd.get(), nullptr, other.pipe->writer.get(), nullptr, PipePool::size,
                                 SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  side.much = count > 0;
  if (count < 0) {
    // Where a seccomp profile forbids it, for one: nothing was moved, and all will be copied.
    if (errno == EPERM || errno == ENOSYS || errno == EINVAL) may_splice = false;
    if (would_block() || !may_splice) return true;
    finish(describe(errno));
    return false;
  }
  if (count == 0) side.at_end = true;
  other.piped = static_cast<std::size_t>(count);
  return flush_pipe(other);
}

bool Relay::flush_pipe(Side& side) {
  while (side.piped > 0) {
    const ssize_t count = ::splice(side.pipe->reader.get(), nullptr, side.fd.get(), nullptr, side.piped,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block()) return true;
    if (count < 0) {
      finish(describe(errno));
      return false;
    }
    side.piped -= static_cast<std::size_t>(count);
    side.written += static_cast<std::uint64_t>(count);
  }
  return true;
}

bool Relay::flush(Side& side) {
  std::size_t done = 0;
  while (done < side.pending.size()) {
    const ssize_t count =
        ::send(side.fd.get(), side.pending.data() + done, side.pending.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count < 0) {
      finish(describe(errno));
      return false;
    }
    done += static_cast<std::size_t>(count);
  }
  side.written += done;
  side.pending.erase(0, done);
  if (!side.pending.empty()) return true;
  side.pending = std::string{};  // gives the memory back
  if (!flush_pipe(side)) return false;
  if (side.pipe && side.piped == 0) {
    pipes.give_back(std::move(*side.pipe));
    side.pipe.reset();
  }
  return true;
}

void Relay::pass_end_on(Side& side, Side& other) {
  if (!side.at_end || other.waits() || other.shut) return;
  ::shutdown(other.fd.get(), SHUT_WR);
  other.shut = true;
}

void Relay::update(Side& side, const Side& other) {
  std::uint32_t events = 0;
  if (!side.at_end && !other.waits()) events |= EPOLLIN;
  if (side.waits()) events |= EPOLLOUT;
  loop_.modify(side.fd.get(), events);
}

void Relay::settle() {
  if (finished_) return;
  pass_end_on(client_, server_);
  pass_end_on(server_, client_);
  if (client_.shut && server_.shut) return finish({});
  update(client_, server_);
  update(server_, client_);
  if (at_mark_ && sent() + received() >= mark_) std::exchange(at_mark_, nullptr)();
}

void Relay::finish(const std::string& reason) {
  if (finished_) return;
  finished_ = true;
  for (Side* side : {&client_, &server_}) {
    loop_.remove(side->fd.get());
    side->fd.reset();
  }
  ended_(reason);
}

}  // namespace drydock::guard
