#include "runtime/http/hijack.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <utility>  // before Asio, which forgets it

#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "runtime/http/unix_socket.hpp"
#include "runtime/stream/demux.hpp"

namespace drydock::runtime::http {
namespace {

namespace beast_http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Sink = stream::Demux::Sink;
using Parser = beast_http::response_parser<beast_http::string_body>;

constexpr std::size_t piece_size = std::size_t{64} << 10;
constexpr std::uint32_t head_limit = std::uint32_t{64} << 10;
constexpr std::size_t error_body_limit = std::size_t{64} << 10;

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class HijackedStream : public AttachStream {
 public:
  HijackedStream(UniqueFd fd, std::string early, bool multiplexed)
      : fd_(std::move(fd)), early_(std::move(early)), multiplexed_(multiplexed) {}

  int fd() const override { return fd_.get(); }
  bool has_buffered() const override { return !early_.empty(); }

  bool read(const Sink& sink) override {
    if (!early_.empty()) {
      const std::string early = std::exchange(early_, {});
      deliver(as_bytes(early), sink);
      return true;
    }
    if (!fd_) return false;
    std::array<std::byte, piece_size> piece;
    ssize_t got = 0;
    do {
      got = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
      deliver(std::span(piece).first(static_cast<std::size_t>(got)), sink);
      return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    // ECONNRESET is an end as well: the engine closed with some of our input unread.
    if (got < 0) log::debug("{}", with_errno("the attached stream ended", errno));
    if (!demux_.at_boundary()) log::debug("the attached stream ended within a frame");
    fd_.reset();
    return false;
  }

  std::size_t write(std::span<const std::byte> bytes) override {
    if (!fd_ || bytes.empty()) return bytes.size();
    ssize_t sent = 0;
    do {
      sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    log::debug("{}", with_errno("input is dropped", errno));
    return bytes.size();
  }

  void close_input() override {
    if (fd_) ::shutdown(fd_.get(), SHUT_WR);
  }

 private:
  void deliver(std::span<const std::byte> bytes, const Sink& sink) {
    if (multiplexed_) {
      demux_.feed(bytes, sink);
    } else {
      sink(Channel::out, bytes);
    }
  }

  UniqueFd fd_;
  std::string early_;
  bool multiplexed_;
  stream::Demux demux_;
};

// The conversation up to the end of the answer's head, or of an error's body.
class Upgrade {
 public:
  Upgrade(const std::string& socket, const StopSource* stop, const Limits& limits)
      : socket_(socket),
        stop_(stop),
        limits_(limits),
        fd_(connect_unix(socket, limits.connect, stop)),
        deadline_(Clock::now() + limits.upgrade) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wait(POLLOUT);
      } else if (errno != EINTR) {
        return;  // what it said before it closed is worth reading
      }
    }
  }

  // The status, after the head was read.
  int read_head() {
    restart();
    while (true) {
      boost::system::error_code error;
      const std::size_t used = parser_->put(boost::asio::buffer(received_), error);
      if (error && error != beast_http::error::need_more) fail(error);
      received_.erase(0, used);
      if (parser_->is_header_done()) {
        const int status = static_cast<int>(parser_->get().result_int());
        if (status / 100 != 1 || status == 101) return status;
        restart();
      } else if (!receive()) {
        throw protocol_error(socket_, begun_ ? "it closed the connection in its answer's head"
                                             : "it closed the connection without an answer");
      }
    }
  }

  bool has_framed_body() const { return parser_->content_length().has_value() || parser_->chunked(); }

  // As much of the body as there is: it may be long, cut short, or slow, and the status is what matters.
  std::string read_body() {
    parser_->eager(true);
    boost::system::error_code error;
    while (!parser_->is_done() && parser_->get().body().size() < error_body_limit) {
      const std::size_t used = parser_->put(boost::asio::buffer(received_), error);
      received_.erase(0, used);
      if (error && error != beast_http::error::need_more) break;
      if (used == 0 && (parser_->is_done() || !receive_in_time())) break;
    }
    std::string body = std::move(parser_->get().body());
    body.resize(std::min(body.size(), error_body_limit));
    return body;
  }

  std::unique_ptr<AttachStream> take_over(bool multiplexed) {
    return std::make_unique<HijackedStream>(std::move(fd_), std::move(received_), multiplexed);
  }

 private:
  void restart() {
    parser_.emplace();
    parser_->header_limit(head_limit);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // Beast 1.74 takes none for 0
  }

  [[noreturn]] void fail(const boost::system::error_code& error) {
    log::debug("Beast: {}", error.message());
    throw protocol_error(socket_, error == beast_http::error::header_limit ? "its answer's head is too long"
                                                                           : "its answer is not HTTP");
  }

  void wait(short events) {
    if (wait_ready(fd_.get(), events, deadline_, stop_)) return;
    throw no_answer(socket_, limits_.upgrade);
  }

  // False at the end of the connection.
  bool receive() {
    std::array<char, 8192> piece;
    while (true) {
      const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), 0);
      if (got > 0) {
        begun_ = true;
        received_.append(piece.data(), static_cast<std::size_t>(got));
        return true;
      }
      if (got == 0) return false;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wait(POLLIN);
      } else if (errno != EINTR) {
        return false;
      }
    }
  }

  bool receive_in_time() {
    try {
      return receive();
    } catch (const Error&) {
      return false;
    }
  }

  const std::string& socket_;
  const StopSource* stop_;
  Limits limits_;
  UniqueFd fd_;
  Deadline deadline_;
  std::optional<Parser> parser_;
  std::string received_;
  bool begun_ = false;
};

std::string upgrade_request(const std::string& target, const std::string& body) {
  const auto is_unfit = [](char c) { return c <= ' ' || c == '\x7f'; };
  if (target.empty() || target.front() != '/' || std::any_of(target.begin(), target.end(), is_unfit)) {
    throw Error(ErrorKind::internal, "cannot ask the engine for '" + printable(target) + "': not a path");
  }
  beast_http::request<beast_http::string_body> request(beast_http::verb::post, target, 11, body);
  request.set(beast_http::field::host, "localhost");
  request.set(beast_http::field::connection, "Upgrade");
  request.set(beast_http::field::upgrade, "tcp");
  if (!body.empty()) request.set(beast_http::field::content_type, "application/json");
  request.prepare_payload();
  std::ostringstream text;
  text << request;
  return text.str();
}

}  // namespace

std::unique_ptr<AttachStream> hijack(const std::string& socket, const std::string& target,
                                     const std::string& body, bool multiplexed, const StopSource* stop,
                                     const std::function<void(int status, const std::string& body)>& on_error,
                                     const Limits& limits) {
  const std::string request = upgrade_request(target, body);
  if (stop != nullptr) stop->check();
  Upgrade upgrade(socket, stop, limits);
  upgrade.send(request);
  const int status = upgrade.read_head();
  if (status != 101 && status != 200) {
    on_error(status, upgrade.read_body());
    throw protocol_error(socket, "it answered HTTP " + std::to_string(status));
  }
  if (status == 200 && upgrade.has_framed_body())
    throw protocol_error(socket, "it did not hand the connection over");
  return upgrade.take_over(multiplexed);
}

}  // namespace drydock::runtime::http
