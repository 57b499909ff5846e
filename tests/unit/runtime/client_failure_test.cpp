#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <ostream>
#include <string>

#include "base/error.hpp"
#include "base/scope_exit.hpp"
#include "base/temp_file.hpp"
#include "client_failure.hpp"
#include "fake_daemon.hpp"
#include "runtime/http/client.hpp"

namespace drydock::runtime::http {
namespace {

using namespace std::string_literals;
using test::always;
using test::answer;
using test::FakeDaemon;
using test::ok;
using test::once;
using test::Peer;
using testing::EndsWith;
using testing::HasSubstr;

TEST(ClientConnect, SaysThatThereIsNoSocket) {
  const TempDir directory;
  const Failure failure = failure_of(directory.path() + "/x.sock");
  EXPECT_EQ(failure.kind, ErrorKind::unavailable);
  EXPECT_EQ(failure.text,
            "cannot connect to the engine at 'unix://" + directory.path() + "/x.sock': no such socket");
}

TEST(ClientConnect, SaysThatNobodyListens) {
  const TempFile file;
  const Failure failure = failure_of(file.path());
  EXPECT_EQ(failure.kind, ErrorKind::unavailable);
  EXPECT_THAT(failure.text, EndsWith("': nobody listens there"));
}

TEST(ClientConnect, StartsTheEngineAgainWhenNobodyListens) {
  const TempDir directory;
  const std::string socket = directory.path() + "/x.sock";
  Client client(socket, nullptr);
  std::optional<FakeDaemon> daemon;
  int revived = 0;
  client.set_revive([&] {
    ++revived;
    daemon.emplace(std::vector{always(ok("here again"))});
    ASSERT_EQ(::symlink(daemon->socket().c_str(), socket.c_str()), 0);
  });
  EXPECT_EQ(client.send({.method = "POST", .target = "/x"}).body, "here again");
  EXPECT_EQ(client.send({.target = "/x"}).body, "here again");
  EXPECT_EQ(revived, 1);
}

// An engine's service that ends when it is idle may have taken the connection with its last breath.
TEST(ClientConnect, StartsTheEngineAgainWhenItEndsWithoutAWord) {
  const TempDir directory;
  const std::string socket = directory.path() + "/x.sock";
  FakeDaemon ending({once("")});
  ASSERT_EQ(::symlink(ending.socket().c_str(), socket.c_str()), 0);
  Client client(socket, nullptr);
  EXPECT_THROW(client.send({.target = "/x"}), Error) << "the control: nobody starts it";
  std::optional<FakeDaemon> daemon;
  int revived = 0;
  client.set_revive([&] {
    ++revived;
    daemon.emplace(std::vector{always(ok("here again"))});
    ::unlink(socket.c_str());
    ASSERT_EQ(::symlink(daemon->socket().c_str(), socket.c_str()), 0);
  });
  EXPECT_THROW(client.send({.method = "POST", .target = "/x"}), Error) << "it may have been done";
  EXPECT_EQ(revived, 0);
  EXPECT_EQ(client.send({.target = "/x"}).body, "here again");
  EXPECT_EQ(revived, 1);
}

TEST(ClientConnect, TriesToStartItOnce) {
  const TempDir directory;
  Client client(directory.path() + "/x.sock", nullptr);
  int revived = 0;
  client.set_revive([&] { ++revived; });
  EXPECT_THROW(client.send({.target = "/x"}), Error);
  EXPECT_EQ(revived, 1);
}

TEST(ClientConnect, SaysThatTheUserMayNot) {
  FakeDaemon daemon({always(ok(""))});
  ASSERT_EQ(::chmod(daemon.socket().c_str(), 0), 0);
  // Root may always; a thread with another file system user may not.
  const int earlier = ::setfsuid(::geteuid() == 0 ? 65534 : ::geteuid());
  const ScopeExit restore([&] { ::setfsuid(static_cast<uid_t>(earlier)); });
  const Failure failure = failure_of(daemon.socket());
  EXPECT_EQ(failure.kind, ErrorKind::permission);
  EXPECT_THAT(failure.text, EndsWith("': permission denied"));
}

TEST(ClientConnect, RefusesAPathThatIsTooLong) {
  const Failure failure = failure_of("/" + std::string(150, 'x'));
  EXPECT_EQ(failure.kind, ErrorKind::unavailable);
  EXPECT_THAT(failure.text, HasSubstr("too long"));
}

struct BadAnswer {
  const char* name;
  std::string bytes;
  const char* reason;
};

void PrintTo(const BadAnswer& bad, std::ostream* out) { *out << bad.name; }

class ClientBadAnswer : public testing::TestWithParam<BadAnswer> {};

TEST_P(ClientBadAnswer, IsAProtocolError) {
  FakeDaemon daemon({once(GetParam().bytes)});
  for (const bool patient : {false, true}) {
    const Failure failure = failure_of(daemon.socket(), {.target = "/x", .patient = patient});
    EXPECT_EQ(failure.kind, ErrorKind::protocol);
    EXPECT_THAT(failure.text, EndsWith(GetParam().reason));
  }
}

std::string many_headers(std::size_t size) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  while (head.size() < size) head += "X-Header: " + std::string(1000, 'x') + "\r\n";
  return head + "Content-Length: 0\r\n\r\n";
}

const std::string head_with_body_of_ten = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Answers, ClientBadAnswer,
    testing::Values(
        BadAnswer{"closed", "", "it closed the connection without an answer"},
        BadAnswer{"garbage", "\x1b[31mgarbage\x07\r\n\r\n", "its answer is not HTTP"},
        BadAnswer{"nul_bytes", std::string(64, '\0') + "\r\n\r\n", "its answer is not HTTP"},
        BadAnswer{"ssh", "SSH-2.0-OpenSSH_9.2\r\n", "its answer is not HTTP"},
        BadAnswer{"nul_in_head", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"s,
                  "its answer is not HTTP"},
        BadAnswer{"bad_version", "HTTP/7.3 200 OK\r\n\r\n", "its answer is not HTTP"},
        BadAnswer{"bad_status", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n", "it answered HTTP 999"},
        BadAnswer{"cut_status", "HTTP/1.1 20", "it closed the connection without an answer"},
        BadAnswer{"cut_head", "HTTP/1.1 200 OK\r\nContent-Le",
                  "it closed the connection in its answer's head"},
        BadAnswer{"head_without_end", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
                  "it closed the connection in its answer's head"},
        BadAnswer{"short_body", head_with_body_of_ten + "abc",
                  "it closed the connection in the middle of an answer"},
        BadAnswer{"cut_chunk", chunked_head + "a\r\nabc",
                  "it closed the connection in the middle of an answer"},
        BadAnswer{"no_last_chunk", chunked_head + "3\r\nabc\r\n",
                  "it closed the connection in the middle of an answer"},
        BadAnswer{"bad_chunk", chunked_head + "zz\r\nabc\r\n",
                  "the connection broke in an answer, or the answer is malformed"},
        BadAnswer{"long_head", many_headers(3 << 20), "its answer's head is too long"},
        BadAnswer{"long_header", "HTTP/1.1 200 OK\r\nX: " + std::string(3 << 20, 'x') + "\r\n\r\n",
                  "its answer's head is too long"},
        BadAnswer{"long_status", "HTTP/1.1 200 " + std::string(3 << 20, 'x') + "\r\n\r\n",
                  "its answer's head is too long"},
        BadAnswer{"long_body", answer("200 OK", std::string((64 << 20) + 1, 'x')),
                  "its answer is longer than 64 MiB"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(ClientFailure, ReadsAnAnswerThatIsNoEngines) {
  FakeDaemon daemon({always(answer("502 Bad Gateway", "<html>bad</html>", "text/html"))});
  Client client(daemon.socket(), nullptr);
  const Response response = client.send({.target = "/x"});
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(response.headers.at("content-type"), "text/html");
}

TEST(ClientFailure, SurvivesADaemonThatClosesWhileItIsSentABody) {
  FakeDaemon daemon({[](Peer& peer) { peer.await_input(); }});
  const Failure failure =
      failure_of(daemon.socket(), {.method = "POST", .target = "/load", .body = std::string(16 << 20, 'x')});
  EXPECT_EQ(failure.kind, ErrorKind::protocol);
  EXPECT_EQ(daemon.connections(), 1U);
}

}  // namespace
}  // namespace drydock::runtime::http
