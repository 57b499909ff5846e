// What is told of a tunnel while it is open.
#include <thread>

#include "gate_harness.hpp"

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;

class ProgressTest : public GateHarness {};

TEST_F(ProgressTest, AnOpenTunnelTellsWhatItHasCarried) {
  timing_.progress = milliseconds(1);
  start();
  Peer server;
  const Peer peer = open_tunnel(server);
  const std::string half(40'000, 'x');
  std::vector<nlohmann::json> told;
  // Each time as much as is worth a word, both ways together.
  for (int i = 0; i < 2; ++i) {
    peer.send(half);
    EXPECT_EQ(server.receive_exactly(half.size()), half);
    server.send(half);
    EXPECT_EQ(peer.receive_exactly(half.size()), half);
    for (int looks = 0; looks < 500 && told.size() <= static_cast<std::size_t>(i); ++looks) {
      for (const auto& each : events()) {
        if (each["event"] == "progress") told.push_back(each);
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  ASSERT_EQ(told.size(), 2U);
  const std::uint64_t hello = test::hello_for("allowed.test").size();
  EXPECT_EQ(told[1]["sent"], hello + 2 * half.size());
  EXPECT_EQ(told[1]["received"], 2 * half.size());
  for (const auto& each : told) {
    EXPECT_EQ(each["tunnel"], 1);
    EXPECT_EQ(each["host"], "allowed.test");
    EXPECT_EQ(each["verdict"], "allowed");
    EXPECT_EQ(each["opened"], 1);
    EXPECT_TRUE(each.contains("duration_ms"));
  }
  peer.end();
  server.end();
  EXPECT_TRUE(is_empty_soon());
  const auto close = event("close");
  EXPECT_EQ(close["tunnel"], 1);
  EXPECT_EQ(close["sent"], told[1]["sent"]);
}

TEST_F(ProgressTest, ATunnelSaysNothingTooSoonAndAnIdleOneWakesNobody) {
  timing_.progress = milliseconds(3'600'000);
  limits_.progress = 100'000;
  start();
  const auto timers = [&] {
    std::size_t count = 0;
    in_loop([&](Loop& loop, Gate&) { count = loop.timers(); });
    return count;
  };
  Peer server;
  Peer idle_server;
  const Peer idle = open_tunnel(idle_server);
  const Peer peer = open_tunnel(server);
  EXPECT_EQ(timers(), 0U);
  const std::string bytes(1'000'000, 'x');
  peer.send(bytes.substr(0, 90'000));
  EXPECT_EQ(server.receive_exactly(90'000).size(), 90'000U);
  EXPECT_EQ(timers(), 0U) << "there is nothing to say yet";
  std::thread sender([&] { peer.send(bytes); });
  EXPECT_EQ(server.receive_exactly(bytes.size()), bytes);
  sender.join();
  EXPECT_EQ(timers(), 1U) << "one timer for all that it carries";
  peer.end();
  server.end();
  for (int i = 0; i < 200 && tunnels() > 1; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(tunnels(), 1U);
  for (const auto& each : events()) EXPECT_NE(each["event"], "progress") << each;
  in_loop([](Loop&, Gate&) {});
  EXPECT_EQ(timers(), 0U);
}

}  // namespace
}  // namespace drydock::guard
