#include "core/tunnel_traffic.hpp"

#include <gtest/gtest.h>

namespace drydock::core {
namespace {

using Pair = std::pair<std::uint64_t, std::uint64_t>;

Json line(const std::string& event, std::int64_t tunnel, std::uint64_t sent, std::uint64_t received) {
  return {{"event", event}, {"tunnel", tunnel}, {"sent", sent}, {"received", received}};
}
Pair take(TunnelTraffic& traffic, const Json& json) {
  const Octets octets = traffic.take(json);
  return {octets.sent, octets.received};
}

TEST(TunnelTrafficTest, CountsEachOctetOnce) {
  TunnelTraffic traffic;
  EXPECT_EQ(take(traffic, {{"event", "open"}, {"tunnel", 1}}), Pair(0, 0));
  EXPECT_EQ(take(traffic, line("progress", 1, 10, 1000)), Pair(10, 1000));
  EXPECT_EQ(take(traffic, line("progress", 2, 1, 2)), Pair(1, 2)) << "another tunnel";
  EXPECT_EQ(take(traffic, line("progress", 1, 15, 3000)), Pair(5, 2000));
  EXPECT_EQ(take(traffic, line("close", 1, 16, 3001)), Pair(1, 1));
  EXPECT_EQ(take(traffic, line("close", 2, 1, 2)), Pair(0, 0));
  EXPECT_EQ(take(traffic, line("close", 1, 16, 3001)), Pair(16, 3001)) << "it is over";
}

TEST(TunnelTrafficTest, ACloseAloneIsAllOfIt) {
  TunnelTraffic traffic;
  EXPECT_EQ(take(traffic, {{"event", "close"}, {"sent", 3}, {"received", 4}}), Pair(3, 4));
  EXPECT_EQ(take(traffic, {{"event", "close"}, {"reason", "refused"}}), Pair(0, 0));
  EXPECT_EQ(take(traffic, {{"event", "denied"}, {"sent", 3}}), Pair(0, 0));
}

TEST(TunnelTrafficTest, AnotherGuardCountsAnew) {
  TunnelTraffic traffic;
  traffic.take(line("progress", 1, 10, 10));
  traffic.take({{"event", "begin"}});
  EXPECT_EQ(take(traffic, line("close", 1, 7, 70)), Pair(7, 70));
}

TEST(TunnelTrafficTest, WhatMakesNoSenseCountsNothingTwice) {
  TunnelTraffic traffic;
  EXPECT_EQ(take(traffic, line("progress", 0, 10, 10)), Pair(0, 0)) << "whose?";
  traffic.take(line("progress", 1, 10, 10));
  EXPECT_EQ(take(traffic, line("progress", 1, 4, 12)), Pair(0, 2)) << "octets do not come back";
  EXPECT_EQ(take(traffic, line("close", 1, 10, 12)), Pair(0, 0));
  EXPECT_EQ(take(traffic, {{"event", "close"}, {"sent", -3}, {"received", 4}}), Pair(0, 4));
}

TEST(TunnelTrafficTest, TunnelsBeyondTheLimitCountWhenTheyEnd) {
  TunnelTraffic traffic;
  constexpr auto many = static_cast<std::int64_t>(TunnelTraffic::limit);
  for (std::int64_t i = 1; i <= many; ++i) traffic.take(line("progress", i, 1, 1));
  EXPECT_EQ(take(traffic, line("progress", many + 1, 5, 5)), Pair(0, 0));
  EXPECT_EQ(take(traffic, line("progress", 1, 5, 5)), Pair(4, 4));
  EXPECT_EQ(take(traffic, line("close", many + 1, 9, 9)), Pair(9, 9));
}

}  // namespace
}  // namespace drydock::core
