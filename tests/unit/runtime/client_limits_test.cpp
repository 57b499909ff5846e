#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "client_failure.hpp"
#include "fake_daemon.hpp"
#include "runtime/http/client.hpp"

namespace drydock::runtime::http {
namespace {

using namespace std::chrono_literals;
using test::always;
using test::FakeDaemon;
using test::ok;
using test::Peer;
using testing::EndsWith;

constexpr std::chrono::seconds generous{5};
const Limits short_limits{.connect = 200ms, .silence = 200ms, .whole = 30s, .upgrade = 200ms};

TEST(ClientLimits, GivesUpOnAFullBacklog) {
  const test::FullListener listener;
  const Failure failure = failure_of(listener.socket(), {.target = "/x"}, short_limits);
  EXPECT_EQ(failure.kind, ErrorKind::timeout);
  EXPECT_THAT(failure.text, EndsWith("': it did not accept the connection in 200 ms"));
}

TEST(ClientLimits, GivesUpOnSilence) {
  FakeDaemon daemon({[](Peer& peer) { peer.hang(); }});
  const Failure failure = failure_of(daemon.socket(), {.target = "/x"}, short_limits);
  EXPECT_EQ(failure.kind, ErrorKind::timeout);
  EXPECT_EQ(failure.text, "cannot reach the engine at 'unix://" + daemon.socket() +
                              "': it accepted the connection and did not answer in 200 ms");
}

TEST(ClientLimits, WaitsTenSecondsUnlessToldOtherwise) {
  EXPECT_EQ(Limits{}.connect, 10s);
  EXPECT_EQ(Limits{}.silence, 10s);
  EXPECT_EQ(Limits{}.whole, 30s);
  EXPECT_EQ(Limits{}.upgrade, 30s);
}

TEST(ClientLimits, GivesUpOnSilenceWithinAnAnswer) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    peer.hang();
  }});
  const Failure failure = failure_of(daemon.socket(), {.target = "/x"}, short_limits);
  EXPECT_EQ(failure.kind, ErrorKind::timeout);
  EXPECT_THAT(failure.text, EndsWith("it fell silent in its answer for 200 ms"));
}

TEST(ClientLimits, GivesUpOnAStreamThatFallsSilent) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    peer.hang();
  }});
  Client client(daemon.socket(), nullptr, short_limits);
  std::string streamed;
  try {
    client.stream({.target = "/logs"}, [&](std::string_view piece) {
      streamed += piece;
      return true;
    });
    ADD_FAILURE() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::timeout);
  }
  EXPECT_EQ(streamed, "abc");
}

TEST(ClientLimits, DoNotCountTheTimeInTheSink) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    peer.sleep(1400ms);
    peer.send("cd");
  }});
  Client client(daemon.socket(), nullptr, {.silence = 1s, .whole = 1s});
  std::string streamed;
  client.stream({.target = "/logs"}, [&](std::string_view piece) {
    if (streamed.empty()) std::this_thread::sleep_for(1200ms);
    streamed += piece;
    return true;
  });
  EXPECT_EQ(streamed, "abcd");
}

const FakeDaemon::Script drips = [](Peer& peer) {
  peer.read_request();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  peer.send_in_pieces(std::string(1'000'000, 'x'), 20ms);
};

TEST(ClientLimits, GivesUpOnAnAnswerThatDrips) {
  FakeDaemon daemon({drips});
  const Failure failure = failure_of(daemon.socket(), {.target = "/x"}, {.silence = 20s, .whole = 300ms});
  EXPECT_EQ(failure.kind, ErrorKind::timeout);
  EXPECT_THAT(failure.text, EndsWith("its answer did not end in 300 ms"));
}

TEST(ClientLimits, GivesUpOnAHeadThatDrips) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n");
    while (peer.sleep(20ms)) peer.send("X-Header: 1\r\n");
  }});
  const Failure failure = failure_of(daemon.socket(), {.target = "/x"}, {.silence = 20s, .whole = 300ms});
  EXPECT_EQ(failure.kind, ErrorKind::timeout);
}

TEST(ClientLimits, LetsAStreamTakeLongerThanAnAnswer) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    peer.send_in_pieces(std::string(100, 'x'), 30ms);
  }});
  Client client(daemon.socket(), nullptr, {.silence = 20s, .whole = 100ms});
  std::size_t size = 0;
  client.stream({.target = "/logs"}, [&](std::string_view piece) {
    size += piece.size();
    return true;
  });
  EXPECT_EQ(size, 100U);
}

TEST(ClientLimits, DoNotHoldForAPatientRequest) {
  FakeDaemon daemon({[](Peer& peer) {
    peer.read_request();
    peer.sleep(600ms);
    peer.send_in_pieces(ok("late"), 40ms);
  }});
  Client client(daemon.socket(), nullptr, {.silence = 200ms, .whole = 200ms});
  EXPECT_EQ(client.send({.method = "POST", .target = "/wait", .patient = true}).body, "late");
}

TEST(ClientLimits, ABusyEngineIsWaitedForAndAHungOneIsNot) {
  const auto busy = [](Peer& peer) {
    peer.read_request();
    peer.sleep(700ms);
    peer.send(ok("late"));
  };
  const Limits limits{.silence = 200ms, .busy = 5s};
  FakeDaemon lives({busy, always(ok("OK"))});
  Client patient(lives.socket(), nullptr, limits);
  EXPECT_EQ(patient.send({.method = "POST", .target = "/networks/create"}).body, "late");
  EXPECT_GE(lives.count("GET /_ping"), 1U);
  EXPECT_EQ(lives.count("POST /networks/create"), 1U) << "it was sent twice";

  FakeDaemon hangs({[](Peer& peer) {
    peer.read_request();
    peer.hang();
  }});
  Client hasty(hangs.socket(), nullptr, limits);
  EXPECT_THROW(hasty.send({.target = "/x"}), Error);
  EXPECT_EQ(hangs.count("GET /_ping"), 1U);

  // A sign of life does not go for an answer for ever.
  FakeDaemon dawdles({[](Peer& peer) {
                        peer.read_request();
                        peer.hang();
                      },
                      always(ok("OK"))});
  Client bounded(dawdles.socket(), nullptr, {.silence = 100ms, .busy = 450ms});
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(bounded.send({.target = "/x"}), Error);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 450ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, generous);
}

TEST(ClientLimits, PatienceEnds) {
  FakeDaemon daemon({[](Peer& peer) {
                       peer.read_request();
                       peer.hang();
                     },
                     always(ok("OK"))});
  Client client(daemon.socket(), nullptr, {.silence = 100ms, .whole = 100ms});
  const auto begun = std::chrono::steady_clock::now();
  try {
    client.send({.method = "POST", .target = "/start", .patient = true, .patience = 500ms});
    ADD_FAILURE() << "there was an answer";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::timeout);
    EXPECT_NE(std::string(error.what()).find(daemon.socket()), std::string::npos) << error.what();
  }
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, 500ms);
  EXPECT_LT(took, generous);
  EXPECT_GE(daemon.count("GET /_ping"), 1U);
}

TEST(ClientLimits, PatienceIsNotForAnEngineThatHangs) {
  FakeDaemon hangs({[](Peer& peer) {
    peer.read_request();
    peer.hang();
  }});
  Client client(hangs.socket(), nullptr, {.silence = 100ms, .whole = 100ms});
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(client.send({.method = "POST", .target = "/stop", .patient = true, .patience = 10min}), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, generous);
  EXPECT_EQ(hangs.count("GET /_ping"), 1U);
}

TEST(ClientStop, InterruptsAPatientRequest) {
  FakeDaemon daemon({[](Peer& peer) {
                       peer.read_request();
                       peer.hang();
                     },
                     always(ok("clean-up"))});
  StopSource stop;
  Client client(daemon.socket(), &stop);
  const auto begun = std::chrono::steady_clock::now();
  std::thread asker([&] {
    std::this_thread::sleep_for(100ms);
    stop.request(SIGTERM);
  });
  try {
    client.send({.target = "/wait", .patient = true});
    ADD_FAILURE() << "was not interrupted";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.signal(), SIGTERM);
  }
  asker.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, generous);
  EXPECT_THROW(client.send({.target = "/x"}), Interrupted);
  EXPECT_EQ(daemon.requests().size(), 1U);
  stop.acknowledge();
  EXPECT_EQ(client.send({.target = "/x"}).body, "clean-up");
}

TEST(ClientStop, AnAwaitedAnswerComesAllTheSame) {
  StopSource stop;
  FakeDaemon daemon({[&](Peer& peer) {
                       peer.read_request();
                       stop.request(SIGTERM);
                       peer.sleep(200ms);
                       peer.send(ok("made"));
                     },
                     always(ok("removed"))});
  Client client(daemon.socket(), &stop);
  EXPECT_EQ(client.send({.method = "POST", .target = "/create", .awaited = true}).body, "made");
  EXPECT_THROW(client.send({.method = "POST", .target = "/create", .awaited = true}), Interrupted)
      << "what was not sent yet is not";
  EXPECT_EQ(daemon.requests().size(), 1U);
  stop.acknowledge();
  EXPECT_EQ(client.send({.method = "DELETE", .target = "/it"}).body, "removed");
}

TEST(ClientStop, InterruptsConnecting) {
  const test::FullListener listener;
  StopSource stop;
  Client client(listener.socket(), &stop, {.connect = 60s});
  std::thread asker([&] {
    std::this_thread::sleep_for(100ms);
    stop.request(SIGINT);
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(client.send({.target = "/x"}), Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, generous);
  asker.join();
}

}  // namespace
}  // namespace drydock::runtime::http
