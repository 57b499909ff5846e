#include "runtime/http/hijack.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include "attach.hpp"
#include "base/error.hpp"
#include "fake_daemon.hpp"

namespace drydock::runtime::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using test::FakeDaemon;
using test::once;
using test::Peer;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const std::string taken_over = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

struct Outputs {
  std::string out;
  std::string err;
};

// Reads as a session would, until `enough` says so or the stream ends.
template <typename Enough>
Outputs read_until(AttachStream& stream, Enough enough) {
  Outputs outputs;
  while (!enough(outputs)) {
    if (!stream.has_buffered()) {
      pollfd watched{stream.fd(), POLLIN, 0};
      if (::poll(&watched, 1, 10'000) <= 0) {
        ADD_FAILURE() << "nothing came";
        return outputs;
      }
    }
    const bool more = stream.read([&](Channel channel, std::span<const std::byte> piece) {
      (channel == Channel::err ? outputs.err : outputs.out)
          .append(reinterpret_cast<const char*>(piece.data()), piece.size());
    });
    if (!more) break;
  }
  return outputs;
}

Outputs read_all(AttachStream& stream) {
  return read_until(stream, [](const Outputs&) { return false; });
}

TEST(Hijack, AsksForAnUpgrade) {
  FakeDaemon daemon({once(upgraded)});
  const auto refuse = [](int, const std::string&) { throw std::runtime_error("refused"); };
  hijack(daemon.socket(), "/exec/1/start", "{\"Tty\":true}", false, nullptr, refuse);
  attach(daemon.socket());
  const auto requests = daemon.requests();
  EXPECT_THAT(requests.at(0), StartsWith("POST /exec/1/start HTTP/1.1\r\n"));
  EXPECT_THAT(requests.at(0), HasSubstr("\r\nHost: localhost\r\n"));
  EXPECT_THAT(requests.at(0), HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"));
  EXPECT_THAT(requests.at(0), HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(requests.at(0), EndsWith("\r\n\r\n{\"Tty\":true}"));
  EXPECT_THAT(requests.at(1), HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST(Hijack, RefusesATargetThatWouldBreakTheRequest) {
  FakeDaemon daemon({once(upgraded)});
  const auto refuse = [](int, const std::string&) {};
  for (const char* target : {"", "x", "/x y", "/x\r\nX: 1"}) {
    EXPECT_THROW(hijack(daemon.socket(), target, "", false, nullptr, refuse), Error) << target;
  }
  EXPECT_EQ(daemon.connections(), 0U);
}

TEST(Hijack, KeepsWhatCameWithTheHead) {
  for (const std::string& head : {upgraded, taken_over}) {
    FakeDaemon daemon({[&](Peer& peer) {
      peer.read_request();
      peer.send(head + "early ");
      peer.read_to_end();
      peer.send("late");
    }});
    const auto stream = attach(daemon.socket());
    EXPECT_TRUE(stream->has_buffered());
    stream->close_input();
    EXPECT_EQ(read_all(*stream).out, "early late");
    EXPECT_FALSE(stream->has_buffered());
    EXPECT_EQ(stream->fd(), -1);
    EXPECT_FALSE(stream->read([](Channel, std::span<const std::byte>) { FAIL() << "read after the end"; }));
  }
}

TEST(Hijack, ReadsAHeadThatComesInPieces) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send_in_pieces("HTTP/1.1 100 Continue\r\n\r\n" + upgraded + "early", 1ms);
  }});
  EXPECT_EQ(read_all(*attach(daemon.socket())).out, "early");
}

TEST(Hijack, TellsTheChannelsApart) {
  const std::string frames = "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1+"s;
  for (const auto pause : {0ms, 1ms}) {
    FakeDaemon daemon({[&](Peer& peer) {
      peer.read_request();
      peer.send_in_pieces(upgraded + frames, pause);
    }});
    const Outputs outputs = read_all(*attach(daemon.socket(), true));
    EXPECT_EQ(outputs.out, "out+");
    EXPECT_EQ(outputs.err, "err");
  }
}

TEST(Hijack, EndsQuietlyWithinAFrame) {
  FakeDaemon daemon({once(upgraded + "\1\0\0\0\0\0\0\7par"s)});
  EXPECT_EQ(read_all(*attach(daemon.socket(), true)).out, "par");
}

TEST(Hijack, RefusesFramesThatAreNone) {
  FakeDaemon daemon({once(upgraded + "plain text")});
  const auto stream = attach(daemon.socket(), true);
  EXPECT_THROW(read_all(*stream), Error);
}

TEST(Hijack, TalksBothWaysAndOutputGoesOnAfterTheEndOfInput) {
  std::string got;
  {
    FakeDaemon daemon({[&](Peer& peer) {
      peer.read_request();
      peer.send(upgraded);
      got = peer.read_to_end();
      peer.send("after " + std::to_string(got.size()));
    }});
    const auto stream = attach(daemon.socket());
    EXPECT_EQ(stream->write(bytes_of("one ")), 4U);
    EXPECT_EQ(stream->write(bytes_of("two")), 3U);
    stream->close_input();
    EXPECT_EQ(read_all(*stream).out, "after 7");
  }
  EXPECT_EQ(got, "one two");
}

TEST(Hijack, NeverBlocks) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send(upgraded);
    peer.sleep(60s);
  }});
  const auto stream = attach(daemon.socket());
  EXPECT_NE(::fcntl(stream->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(stream->fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(stream->read([](Channel, std::span<const std::byte>) { FAIL() << "nothing was sent"; }));
  const std::string much(1 << 20, 'x');
  std::size_t taken = 0;
  std::size_t total = 0;
  while ((taken = stream->write(bytes_of(much))) > 0 && total < much.size() * 64) total += taken;
  EXPECT_EQ(taken, 0U);
  EXPECT_GT(total, 0U);
}

TEST(Hijack, DropsInputThatNobodyReads) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send(upgraded + "last words");
    peer.await_input();
  }});
  const auto stream = attach(daemon.socket());
  EXPECT_EQ(stream->write(bytes_of("unread")), 6U);
  // The daemon closes with that unread: the stream ends, and is no error.
  EXPECT_EQ(read_all(*stream).out, "last words");
  EXPECT_EQ(stream->write(bytes_of("too late")), 8U);
  stream->close_input();
}

TEST(Hijack, WritesToAConnectionThatIsGoneWithoutASignal) {
  FakeDaemon daemon({once(upgraded)});
  const auto stream = attach(daemon.socket());
  pollfd watched{stream->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&watched, 1, 10'000), 1);
  EXPECT_EQ(stream->write(bytes_of("x")), 1U);
  EXPECT_EQ(read_all(*stream).out, "");
}

}  // namespace
}  // namespace drydock::runtime::http
