#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "attach.hpp"
#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "fake_daemon.hpp"
#include "runtime/http/hijack.hpp"

namespace drydock::runtime::http {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::FakeDaemon;
using test::once;
using test::Peer;
using testing::EndsWith;
using testing::HasSubstr;

TEST(HijackFailure, HandsARefusalToTheCaller) {
  const std::string long_body(1 << 20, 'x');
  const struct {
    std::string bytes;
    int status;
    std::string body;
  } cases[] = {
      {answer("404 Not Found", "{\"message\":\"No such container: x\"}"), 404,
       "{\"message\":\"No such container: x\"}"},
      {"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 409,
       "abcde"},
      {"HTTP/1.0 400 Bad Request\r\n\r\nto the end", 400, "to the end"},
      {"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\ncut sho", 500, "cut sho"},
      {"HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""},
      {answer("502 Bad Gateway", long_body), 502, long_body.substr(0, 64 << 10)},
  };
  for (const auto& expected : cases) {
    for (const bool in_pieces : {false, true}) {
      if (in_pieces && expected.bytes.size() > 1000) continue;
      FakeDaemon daemon({[&](Peer& peer) {
        peer.read_request();
        in_pieces ? peer.send_in_pieces(expected.bytes, 1ms) : peer.send(expected.bytes);
      }});
      try {
        attach(daemon.socket());
        ADD_FAILURE() << "took " << expected.status << " for a stream";
      } catch (const Refused& refused) {
        EXPECT_EQ(refused.status, expected.status);
        EXPECT_EQ(refused.body, expected.body);
      }
    }
  }
}

Error failure_of(const std::string& socket, const Limits& limits = {}) {
  try {
    attach(socket, false, nullptr, limits);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(" the engine at 'unix://" + socket + "': "));
    return error;
  }
  ADD_FAILURE() << "got a stream";
  return Error(ErrorKind::internal, "");
}

TEST(HijackFailure, ToldAsTheClientDoes) {
  const struct {
    std::string bytes;
    const char* reason;
  } cases[] = {
      {"", "it closed the connection without an answer"},
      {"HTTP/1.1 101 UPG", "it closed the connection in its answer's head"},
      {"\x1b[31mgarbage\r\n\r\n", "its answer is not HTTP"},
      {"HTTP/1.1 200 " + std::string(3 << 20, 'x'), "its answer's head is too long"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(3 << 20, 'x'), "its answer's head is too long"},
      {answer("200 OK", "{}"), "it did not hand the connection over"},
  };
  for (const auto& expected : cases) {
    FakeDaemon daemon({once(expected.bytes)});
    const Error error = failure_of(daemon.socket());
    EXPECT_EQ(error.kind(), ErrorKind::protocol);
    EXPECT_THAT(error.what(), EndsWith(expected.reason));
  }
}

TEST(HijackFailure, NoSocketAndNoAnswer) {
  const Error missing = failure_of("/nonexistent/x.sock");
  EXPECT_EQ(missing.kind(), ErrorKind::unavailable);
  EXPECT_THAT(missing.what(), EndsWith(": no such socket"));
  FakeDaemon daemon({[](Peer& peer) { peer.hang(); }});
  const Error silent = failure_of(daemon.socket(), {.upgrade = 200ms});
  EXPECT_EQ(silent.kind(), ErrorKind::timeout);
  EXPECT_THAT(silent.what(), EndsWith(": it accepted the connection and did not answer in 200 ms"));
}

TEST(HijackFailure, OnErrorMustThrow) {
  FakeDaemon daemon({once(answer("404 Not Found", ""))});
  EXPECT_THROW(hijack(daemon.socket(), "/x", "", false, nullptr, [](int, const std::string&) {}), Error);
}

TEST(HijackStop, InterruptsTheWaitForAnAnswer) {
  FakeDaemon daemon({[](Peer& peer) { peer.hang(); }});
  StopSource stop;
  std::thread asker([&] {
    std::this_thread::sleep_for(100ms);
    stop.request(SIGINT);
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(attach(daemon.socket(), false, &stop), Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  asker.join();
  EXPECT_THROW(attach(daemon.socket(), false, &stop), Interrupted);
}

}  // namespace
}  // namespace drydock::runtime::http
