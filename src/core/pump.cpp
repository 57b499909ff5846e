#include "core/pump.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "core/terminal.hpp"

namespace drydock::core {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk = 65536;
// A pipe that polls writable takes this much without blocking (POSIX.1: PIPE_BUF).
constexpr std::size_t safe_write = 4096;

// On a busy machine the last of many sizes was seen not to arrive, by way of Podman 4.3: it is told again
// when the window has kept still for so long. A size that the container has already changes nothing.
constexpr std::chrono::milliseconds stillness{250};

class Pump {
 public:
  Pump(runtime::AttachStream& stream, PumpOptions& options, StopSource& stop)
      : stream_(stream), options_(options), stop_(stop), stdin_open_(options.with_stdin) {
    if (options_.tty) window_.emplace();
  }

  PumpEnd run() {
    while (true) {
      if (stop_.requested()) return PumpEnd::stopped;
      if (options_.detach_keys.detached() && pending_input_.empty()) return PumpEnd::detached;
      if (stream_ended_ && output_.empty()) return PumpEnd::stream_ended;
      if (options_.deadline && Clock::now() >= *options_.deadline) return PumpEnd::timed_out;
      wait();
      read_stdin();
      write_stream();
      read_stream();
      write_output();
      follow_window();
      tell_watched();
    }
  }

 private:
  // Output in the order it came: stdout and stderr keep their sequence.
  struct Piece {
    int fd;
    std::string bytes;
  };

  // For poll(): milliseconds, -1 without a limit.
  int time_left() const {
    auto next = options_.deadline;
    if (still_ && (!next || *still_ < *next)) next = still_;
    if (!next) return -1;
    constexpr std::int64_t longest = 3'600'000;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
  }

  void wait() {
    // Input is read when the last of it is gone, output when the last of it is out: memory stays bounded.
    const bool want_input = stdin_open_ && pending_input_.empty() && !options_.detach_keys.detached();
    const bool want_output = output_.empty() && !stream_ended_;
    const short stream_events =
        static_cast<short>((want_output ? POLLIN : 0) | (pending_input_.empty() ? 0 : POLLOUT));
    polled_ = {pollfd{stop_.fd(), POLLIN, 0},
               pollfd{want_input ? STDIN_FILENO : -1, POLLIN, 0},
               pollfd{stream_ended_ || stream_events == 0 ? -1 : stream_.fd(), stream_events, 0},
               pollfd{output_.empty() ? -1 : output_.front().fd, POLLOUT, 0},
               pollfd{window_ ? window_->fd() : -1, POLLIN, 0},
               pollfd{options_.watched, POLLIN, 0}};
    const bool buffered = want_output && stream_.has_buffered();
    if (::poll(polled_.data(), polled_.size(), buffered ? 0 : time_left()) < 0) {
      for (pollfd& entry : polled_) entry.revents = 0;
    }
    if (buffered) polled_[2].revents |= POLLIN;
  }

  void read_stdin() {
    if ((polled_[1].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) return;
    std::array<char, chunk> buffer{};
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
      stdin_open_ = false;
      if (!options_.tty) close_input_ = true;
    } else {
      const std::string_view typed(buffer.data(), static_cast<std::size_t>(count));
      pending_input_ = options_.tty ? options_.detach_keys.filter(typed) : std::string(typed);
    }
    if (close_input_ && pending_input_.empty()) stream_.close_input();
  }

  void write_stream() {
    if (pending_input_.empty() || stream_ended_ || (polled_[2].revents & (POLLOUT | POLLERR | POLLHUP)) == 0)
      return;
    const std::size_t taken = stream_.write(std::as_bytes(std::span(pending_input_)));
    pending_input_.erase(0, taken);
  }

  void read_stream() {
    if (stream_ended_ || !output_.empty() || (polled_[2].revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
    const bool more = stream_.read([&](runtime::Channel channel, std::span<const std::byte> bytes) {
      const int fd = channel == runtime::Channel::err ? STDERR_FILENO : STDOUT_FILENO;
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (!output_.empty() && output_.back().fd == fd) {
        output_.back().bytes += text;
      } else {
        output_.push_back({fd, std::string(text)});
      }
    });
    if (!more) {
      stream_ended_ = true;
      pending_input_.clear();
    }
  }

  void write_output() {
    while (!output_.empty()) {
      Piece& piece = output_.front();
      pollfd ready{piece.fd, POLLOUT, 0};
      if (::poll(&ready, 1, 0) != 1 || ready.revents == 0) return;
      const std::size_t size = std::min(safe_write, piece.bytes.size() - written_);
      const ssize_t count = ::write(piece.fd, piece.bytes.data() + written_, size);
      if (count < 0) {
        if (errno == EINTR || errno == EAGAIN) return;
        // Nobody reads any more: end as a program that got SIGPIPE does.
        stop_.request(errno == EIO && options_.tty ? SIGHUP : SIGPIPE);
        return;
      }
      written_ += static_cast<std::size_t>(count);
      if (written_ == piece.bytes.size()) {
        output_.erase(output_.begin());
        written_ = 0;
      }
    }
  }

  void follow_window() {
    if (!window_ || !options_.on_resize) return;
    const bool changed = (polled_[4].revents & POLLIN) != 0;
    if (!changed && (!still_ || Clock::now() < *still_)) return;
    if (changed) {
      window_->drain();
      still_ = Clock::now() + stillness;
    } else {
      still_.reset();
    }
    options_.on_resize(terminal_size());
  }

  void tell_watched() {
    if (stream_ended_ || (polled_[5].revents & POLLIN) == 0) return;
    options_.watched = -1;
    if (options_.on_watched) options_.on_watched();
  }

  runtime::AttachStream& stream_;
  PumpOptions& options_;
  StopSource& stop_;
  std::optional<WindowWatch> window_;
  std::array<pollfd, 6> polled_{};
  std::optional<Clock::time_point> still_;  // when its size is told once more
  std::string pending_input_;
  std::vector<Piece> output_;
  std::size_t written_ = 0;
  bool stdin_open_;
  bool close_input_ = false;
  bool stream_ended_ = false;
};

}  // namespace

PumpEnd pump(runtime::AttachStream& stream, PumpOptions& options, StopSource& stop) {
  return Pump(stream, options, stop).run();
}

}  // namespace drydock::core
