#include "core/pump.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <thread>

#include "base/unique_fd.hpp"

namespace drydock::core {
namespace {

using namespace std::chrono_literals;
using runtime::Channel;

struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};

Ends make_socketpair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}
Ends make_pipe() {  // ours reads
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) std::abort();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string read_to_end(int fd, std::chrono::microseconds pause = 0us, std::size_t piece = 65536) {
  std::string text;
  std::string buffer(piece, '\0');
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer, 0, static_cast<std::size_t>(count));
    if (pause > 0us) std::this_thread::sleep_for(pause);
  }
  return text;
}

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// The stream's container side is the other end of a socket pair; what comes in is `out`, but for lines that
// begin with '!', which are `err`.
class SocketStream : public runtime::AttachStream {
 public:
  explicit SocketStream(UniqueFd fd) : fd_(std::move(fd)) {
    ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
  }
  int fd() const override { return fd_.get(); }
  bool has_buffered() const override { return !early.empty(); }
  bool read(const std::function<void(Channel, std::span<const std::byte>)>& sink) override {
    ++reads;
    std::array<char, 40000> buffer{};
    std::string_view bytes = early;
    if (early.empty()) {
      const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EAGAIN) return true;
      if (count <= 0) return false;
      bytes = {buffer.data(), static_cast<std::size_t>(count)};
    }
    sink(errors.load() ? Channel::err : Channel::out, std::as_bytes(std::span(bytes)));
    early.clear();
    return true;
  }
  std::size_t write(std::span<const std::byte> bytes) override {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  void close_input() override {
    ++closed_inputs;
    ::shutdown(fd_.get(), SHUT_WR);
  }
  std::string early;  // came with the upgrade
  std::atomic<bool> errors{false};
  int closed_inputs = 0;
  std::atomic<int> reads{0};

 private:
  UniqueFd fd_;
};

// The test's own standard streams, put back afterwards.
class StandardStreams {
 public:
  StandardStreams() {
    for (int fd = 0; fd < 3; ++fd)
      saved_[static_cast<std::size_t>(fd)].reset(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
  }
  ~StandardStreams() { restore(); }
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;
  void replace(int fd, UniqueFd by) { ::dup2(by.get(), fd); }
  void restore() {
    for (int fd = 0; fd < 3; ++fd) ::dup2(saved_[static_cast<std::size_t>(fd)].get(), fd);
  }

 private:
  std::array<UniqueFd, 3> saved_;
};

class PumpTest : public testing::Test {
 protected:
  PumpTest() : container_(make_socketpair()), in_(make_pipe()), out_(make_pipe()), err_(make_pipe()) {
    stream = std::make_unique<SocketStream>(std::move(container_.ours));
    std::signal(SIGPIPE, SIG_IGN);
  }
  // Runs the pump with our ends as the user's streams.
  PumpEnd run() {
    std::fflush(stdout);
    streams_.replace(0, std::move(in_.ours));
    streams_.replace(1, std::move(out_.theirs));
    streams_.replace(2, std::move(err_.theirs));
    const PumpEnd end = pump(*stream, options, stop);
    streams_.restore();  // closes the writers: readers see the end
    return end;
  }
  int container() const { return container_.theirs.get(); }
  void container_ends() { container_.theirs.reset(); }
  int typing() const { return in_.theirs.get(); }
  void stdin_ends() { in_.theirs.reset(); }
  int shown() const { return out_.ours.get(); }
  int shown_errors() const { return err_.ours.get(); }
  void stdout_closes() { out_.ours.reset(); }

  std::unique_ptr<SocketStream> stream;
  PumpOptions options;
  StopSource stop;

 private:
  StandardStreams streams_;
  Ends container_;
  Ends in_;
  Ends out_;
  Ends err_;
};

TEST_F(PumpTest, OutputIsByteExact) {
  const std::string bytes = noise(3'000'001);
  auto written = std::async(std::launch::async, [&] {
    write_all(container(), bytes);
    container_ends();
  });
  auto seen = std::async(std::launch::async, [&] { return read_to_end(shown()); });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_TRUE(seen.get() == bytes);
}

TEST_F(PumpTest, InputIsByteExactAndItsEndIsPassedOn) {
  const std::string bytes = noise(2'000'003);
  auto typed = std::async(std::launch::async, [&] {
    write_all(typing(), bytes);
    stdin_ends();
  });
  // The container answers after its input has ended: a half-closed connection.
  auto got = std::async(std::launch::async, [&] {
    std::string text = read_to_end(container(), 10us, 7001);
    write_all(container(), "done");
    container_ends();
    return text;
  });
  auto seen = std::async(std::launch::async, [&] { return read_to_end(shown()); });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_TRUE(got.get() == bytes);
  EXPECT_EQ(seen.get(), "done");
  EXPECT_EQ(stream->closed_inputs, 1);
}

TEST_F(PumpTest, BothDirectionsAtOnce) {
  const std::string bytes = noise(1'000'000);
  auto typed = std::async(std::launch::async, [&] {
    write_all(typing(), bytes);
    stdin_ends();
  });
  auto echo = std::async(std::launch::async, [&] {
    std::array<char, 5000> buffer{};
    ssize_t count = 0;
    while ((count = ::read(container(), buffer.data(), buffer.size())) > 0) {
      write_all(container(), {buffer.data(), static_cast<std::size_t>(count)});
    }
    container_ends();
  });
  auto seen = std::async(std::launch::async, [&] { return read_to_end(shown()); });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_TRUE(seen.get() == bytes);
}

TEST_F(PumpTest, ErrorsGoToStandardError) {
  stream->errors = true;
  write_all(container(), "oops\n");
  container_ends();
  auto seen = std::async(std::launch::async, [&] { return read_to_end(shown()); });
  auto errors = std::async(std::launch::async, [&] { return read_to_end(shown_errors()); });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(seen.get(), "");
  EXPECT_EQ(errors.get(), "oops\n");
}

TEST_F(PumpTest, BytesThatCameEarlyAreNotForgotten) {
  stream->early = "early ";
  write_all(container(), "late");
  container_ends();
  auto seen = std::async(std::launch::async, [&] { return read_to_end(shown()); });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(seen.get(), "early late");
}

TEST_F(PumpTest, ASlowReaderSlowsTheContainerDown) {
  const std::string bytes = noise(1'000'000);
  std::atomic<bool> all_taken{false};
  auto written = std::async(std::launch::async, [&] {
    write_all(container(), bytes);
    all_taken = true;
    container_ends();
  });
  auto seen = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(300ms);
    // Nobody has read yet: buffers of the kernel's and one piece of ours are full, the rest waits.
    EXPECT_FALSE(all_taken.load());
    EXPECT_LT(stream->reads.load(), 20);
    return read_to_end(shown());
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_TRUE(seen.get() == bytes);
}

TEST_F(PumpTest, AContainerThatDoesNotReadSlowsTheUserDown) {
  std::atomic<std::size_t> typed{0};
  auto typist = std::async(std::launch::async, [&] {
    const std::string piece(1000, 'x');
    for (int i = 0; i < 4000; ++i) {
      write_all(typing(), piece);
      typed += piece.size();
    }
    stdin_ends();
  });
  auto got = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(typed.load(), 2'000'000U);
    const std::size_t size = read_to_end(container()).size();
    container_ends();
    return size;
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(got.get(), 4'000'000U);
}

TEST_F(PumpTest, AClosedStandardOutputStopsIt) {
  stdout_closes();
  write_all(container(), "nobody sees this");
  EXPECT_EQ(run(), PumpEnd::stopped);
  EXPECT_EQ(stop.signal(), SIGPIPE);
}

TEST_F(PumpTest, ASignalStopsIt) {
  auto signal = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(50ms);
    stop.request(SIGTERM);
  });
  EXPECT_EQ(run(), PumpEnd::stopped);
  EXPECT_EQ(stop.signal(), SIGTERM);
}

TEST_F(PumpTest, TheDetachKeysEndItAndTheTextBeforeThemArrives) {
  options.tty = true;
  options.detach_keys = DetachKeys::parse("ctrl-],ctrl-]");
  write_all(typing(),
            "ls\n\x1d\x1d"
            "never");
  EXPECT_EQ(run(), PumpEnd::detached);
  std::array<char, 64> buffer{};
  const ssize_t count = ::recv(container(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count))), "ls\n");
}

TEST_F(PumpTest, WithoutATerminalTheDetachKeysAreBytes) {
  options.detach_keys = DetachKeys::parse("ctrl-],ctrl-]");
  write_all(typing(), "\x1d\x1d");
  stdin_ends();
  auto got = std::async(std::launch::async, [&] {
    std::string text = read_to_end(container());
    container_ends();
    return text;
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(got.get(), "\x1d\x1d");
}

TEST_F(PumpTest, WithATerminalTheEndOfInputIsNotPassedOn) {
  options.tty = true;
  stdin_ends();
  auto ends = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(50ms);
    container_ends();
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(stream->closed_inputs, 0);
}

TEST_F(PumpTest, WithoutStandardInputNothingIsRead) {
  options.with_stdin = false;
  write_all(typing(), "not for the container");
  auto ends = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(50ms);
    container_ends();
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_EQ(stream->closed_inputs, 0);
}

TEST_F(PumpTest, ANewWindowSizeIsTold) {
  options.tty = true;
  std::atomic<int> told{0};
  options.on_resize = [&](runtime::TerminalSize) { ++told; };
  auto ends = std::async(std::launch::async, [&] {
    for (int i = 0; i < 200 && told == 0; ++i) {
      ::kill(::getpid(), SIGWINCH);
      std::this_thread::sleep_for(10ms);
    }
    container_ends();
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
  EXPECT_GE(told.load(), 1);
}

TEST_F(PumpTest, ASizeIsToldOnceMoreWhenTheWindowKeepsStill) {
  options.tty = true;
  std::atomic<int> told{0};
  options.on_resize = [&](runtime::TerminalSize) { ++told; };
  auto ends = std::async(std::launch::async, [&] {
    // Until it listens for the signal.
    for (int i = 0; i < 1000 && told == 0; ++i) {
      ::kill(::getpid(), SIGWINCH);
      std::this_thread::sleep_for(10ms);
    }
    std::this_thread::sleep_for(100ms);
    const int first = told;
    for (int i = 0; i < 1000 && told == first; ++i) std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(told.load(), first + 1) << "once, and not for ever";
    container_ends();
  });
  EXPECT_EQ(run(), PumpEnd::stream_ended);
}

}  // namespace
}  // namespace drydock::core
