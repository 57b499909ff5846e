#include "runtime/http/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/scope_exit.hpp"
#include "base/temp_file.hpp"
#include "fake_daemon.hpp"

namespace drydock::runtime::http {
namespace {

using test::always;
using test::answer;
using test::FakeDaemon;
using test::ok;
using test::once;
using test::Peer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Request post(std::string body) { return {.method = "POST", .target = "/create", .body = std::move(body)}; }

TEST(Client, ReadsAnAnswerThatComesInPieces) {
  FakeDaemon daemon(
      {always("HTTP/1.1 404 Not Found\r\nX-One: a\r\nContent-Type:  text/plain \r\nx-one: b\r\n"
              "Content-Length: 5\r\n\r\nhello")});
  Client client(daemon.socket(), nullptr);
  const Response response = client.send({.target = "/v1/x?y=%20"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.headers.at("content-type"), "text/plain");
  EXPECT_EQ(response.headers.at("x-one"), "a, b");
  const std::string request = daemon.requests().at(0);
  EXPECT_THAT(request, StartsWith("GET /v1/x?y=%20 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nHost: localhost\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("Content-Type")));
}

TEST(Client, LeavesThePathAsItIs) {
  FakeDaemon daemon({always(ok(""))});
  Client client(daemon.socket(), nullptr);
  client.send({.target = "/a/../b"});
  EXPECT_EQ(daemon.count("GET /a/../b "), 1U);
}

TEST(Client, SendsABodyWithItsType) {
  FakeDaemon daemon({always(ok("{}"))});
  Client client(daemon.socket(), nullptr);
  const std::string large(3 << 20, 'x');
  client.send(post("{}"));
  client.send(post(large));
  client.send(post(""));
  client.send({.method = "DELETE", .target = "/gone"});
  client.send({.method = "PUT", .target = "/put", .body = "tar", .content_type = "application/x-tar"});
  const auto requests = daemon.requests();
  EXPECT_THAT(requests.at(0), HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(requests.at(1), testing::EndsWith("\r\n\r\n" + large));
  EXPECT_THAT(requests.at(1), Not(HasSubstr("Expect")));
  EXPECT_THAT(requests.at(2), HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_THAT(requests.at(2), Not(HasSubstr("Content-Type")));
  EXPECT_THAT(requests.at(3), StartsWith("DELETE /gone "));
  EXPECT_THAT(requests.at(4), StartsWith("PUT /put "));
  EXPECT_THAT(requests.at(4), HasSubstr("\r\nContent-Type: application/x-tar\r\n"));
  EXPECT_THAT(requests.at(4), testing::EndsWith("\r\n\r\ntar"));
}

TEST(Client, SendsABodyWithNulBytes) {
  FakeDaemon daemon({always(ok(""))});
  Client client(daemon.socket(), nullptr);
  const std::string body("a\0b", 3);
  client.send(post(body));
  EXPECT_THAT(daemon.requests().at(0), testing::EndsWith("\r\n\r\n" + body));
}

TEST(Client, UploadsAFile) {
  FakeDaemon daemon({always(ok(""))});
  const TempFile file;
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += std::to_string(i);
  std::ofstream(file.path()) << content;
  Client client(daemon.socket(), nullptr);
  client.send(
      {.method = "POST", .target = "/load", .content_type = "application/x-tar", .upload_file = file.path()});
  const std::string request = daemon.requests().at(0);
  EXPECT_THAT(request, StartsWith("POST /load HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/x-tar\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Length: " + std::to_string(content.size()) + "\r\n"));
  EXPECT_TRUE(request.ends_with("\r\n\r\n" + content));
}

TEST(Client, SaysWhichFileItCannotUpload) {
  FakeDaemon daemon({always(ok(""))});
  Client client(daemon.socket(), nullptr);
  try {
    client.send({.method = "POST", .target = "/load", .upload_file = "/nonexistent/file"});
    FAIL() << "uploaded a file that does not exist";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_THAT(error.what(), StartsWith("cannot read file '/nonexistent/file': "));
  }
  EXPECT_THROW(client.send({.method = "POST", .target = "/load", .upload_file = "/"}), Error);
  EXPECT_EQ(daemon.connections(), 0U);
}

TEST(Client, NoticesAFileThatBecomesShorter) {
  const TempFile file;
  std::ofstream(file.path()) << std::string(8 << 20, 'x');
  FakeDaemon daemon({[&](Peer& peer) {
    peer.await_input();
    std::ofstream(file.path(), std::ios::trunc) << "x";
    peer.hang();
  }});
  Client client(daemon.socket(), nullptr);
  try {
    client.send({.method = "POST", .target = "/load", .upload_file = file.path()});
    FAIL() << "was content";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("it became shorter meanwhile"));
  }
}

TEST(Client, ReadsChunkedAnswersAndPassesOverTrailers) {
  FakeDaemon daemon(
      {always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n"
              "X-Trailer: 1\r\n\r\n")});
  Client client(daemon.socket(), nullptr);
  const Response response = client.send({.target = "/x"});
  EXPECT_EQ(response.body, "abc0123456789");
  EXPECT_EQ(response.headers.count("x-trailer"), 0U);
}

TEST(Client, PassesOverInterimAnswers) {
  FakeDaemon daemon({always("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n" + ok("final"))});
  Client client(daemon.socket(), nullptr);
  const Response response = client.send(post("{}"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "final");
  EXPECT_EQ(response.headers.count("x-interim"), 0U);
}

TEST(Client, ReadsAnswersThatEndWithTheConnectionOrHaveNoBody) {
  FakeDaemon daemon({once("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end"),
                     always("HTTP/1.1 204 No Content\r\n\r\n"),
                     always("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nApi-Version: 1.41\r\n\r\n")});
  Client client(daemon.socket(), nullptr);
  EXPECT_EQ(client.send({.target = "/x"}).body, "up to the end");
  EXPECT_EQ(client.send(post("{}")).status, 204);
  Client other(daemon.socket(), nullptr);
  EXPECT_EQ(other.send({.method = "HEAD", .target = "/_ping"}).headers.at("api-version"), "1.41");
  EXPECT_EQ(daemon.count("HEAD /_ping "), 1U);
}

TEST(Client, DoesNotFollowRedirects) {
  FakeDaemon daemon({always("HTTP/1.1 301 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")});
  Client client(daemon.socket(), nullptr);
  EXPECT_EQ(client.send({.target = "/x"}).status, 301);
  EXPECT_EQ(daemon.requests().size(), 1U);
}

TEST(Client, IgnoresProxiesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
  const ScopeExit restore([] {
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
  });
  FakeDaemon daemon({always(ok("direct"))});
  Client client(daemon.socket(), nullptr);
  EXPECT_EQ(client.send({.target = "/x"}).body, "direct");
  EXPECT_EQ(daemon.count("GET /x "), 1U);
}

TEST(Client, KeepsAConnectionForReads) {
  FakeDaemon daemon({always(ok("a"))});
  Client client(daemon.socket(), nullptr);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.send({.target = "/x"}).body, "a");
  EXPECT_EQ(daemon.connections(), 1U);
  EXPECT_EQ(daemon.count("GET /x "), 5U);
}

const FakeDaemon::Script answers_once_and_dies_at_the_second = [](Peer& peer) {
  peer.read_request();
  peer.send(ok("first"));
  peer.read_request();
};

TEST(Client, RepeatsAReadWhenTheKeptConnectionDies) {
  FakeDaemon daemon({answers_once_and_dies_at_the_second, always(ok("second"))});
  Client client(daemon.socket(), nullptr);
  EXPECT_EQ(client.send({.target = "/x"}).body, "first");
  EXPECT_EQ(client.send({.target = "/x"}).body, "second");
  EXPECT_EQ(daemon.count("GET /x "), 3U);
}

TEST(Client, ConnectsAgainWhenTheKeptConnectionWasClosed) {
  FakeDaemon daemon({once(ok("first")), always(ok("second"))});
  Client client(daemon.socket(), nullptr);
  EXPECT_EQ(client.send({.target = "/x"}).body, "first");
  EXPECT_EQ(client.send({.target = "/x"}).body, "second");
}

TEST(Client, NeverSendsAPostTwice) {
  for (const std::string method : {"POST", "PUT", "DELETE"}) {
    FakeDaemon daemon({answers_once_and_dies_at_the_second, [](Peer& peer) { peer.read_request(); }});
    Client client(daemon.socket(), nullptr);
    EXPECT_EQ(client.send({.target = "/x"}).body, "first");
    EXPECT_THROW(client.send({.method = method, .target = "/create"}), Error);
    EXPECT_EQ(daemon.count(method + " /create "), 1U);
  }
}

TEST(Client, StreamsASuccessfulBody) {
  FakeDaemon daemon(
      {always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\nc\r\n2\r\nd\n\r\n0\r\n\r\n")});
  Client client(daemon.socket(), nullptr);
  std::string streamed;
  const Response response = client.stream({.target = "/logs"}, [&](std::string_view piece) {
    streamed += piece;
    return true;
  });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(streamed, "ab\ncd\n");
  EXPECT_EQ(response.body, "");
}

TEST(Client, KeepsARefusalFromTheSink) {
  FakeDaemon daemon({always(answer("409 Conflict", "{\"message\":\"busy\"}"))});
  Client client(daemon.socket(), nullptr);
  const Response response = client.stream({.target = "/logs"}, [](std::string_view) -> bool {
    ADD_FAILURE() << "the sink was called";
    return true;
  });
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body, "{\"message\":\"busy\"}");
}

const FakeDaemon::Script streams_for_ever = [](Peer& peer) {
  if (peer.read_request().empty()) return;
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  peer.hang();
};

TEST(Client, EndsQuietlyWhenTheSinkHadEnough) {
  FakeDaemon daemon({streams_for_ever, always(ok("next"))});
  Client client(daemon.socket(), nullptr);
  int pieces = 0;
  const Response response = client.stream({.target = "/logs", .patient = true}, [&](std::string_view) {
    ++pieces;
    return false;
  });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(client.send({.target = "/x"}).body, "next");
}

TEST(Client, HandsOnAnExceptionOfTheSink) {
  FakeDaemon daemon({streams_for_ever, always(ok("next"))});
  Client client(daemon.socket(), nullptr);
  const auto throwing = [](std::string_view) -> bool { throw std::out_of_range("the sink's own"); };
  try {
    client.stream({.target = "/logs", .patient = true}, throwing);
    FAIL() << "swallowed it";
  } catch (const std::out_of_range& error) {
    EXPECT_STREQ(error.what(), "the sink's own");
  }
  EXPECT_EQ(client.send({.target = "/x"}).body, "next");
}

}  // namespace
}  // namespace drydock::runtime::http
