#include "core/subnets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace drydock::core {
namespace {

using runtime::Cidr;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Cidr cidr(std::string_view text) { return *Cidr::parse(text); }

std::vector<std::string> text_of(const std::vector<Cidr>& subnets) {
  std::vector<std::string> texts;
  for (const Cidr& subnet : subnets) texts.push_back(subnet.to_string());
  return texts;
}

// proc(5): addresses and masks are little-endian words in hexadecimal.
constexpr std::string_view header =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

std::string route(std::string_view destination, std::string_view mask) {
  return "eth0\t" + std::string(destination) + "\t00000000\t0001\t0\t0\t0\t" + std::string(mask) +
         "\t0\t0\t0\n";
}

TEST(Routes, AreReadFromTheKernelsTable) {
  const std::string table = std::string(header) + route("00000000", "00000000") +  // default
                            route("000011AC", "0000FFFF") +                        // 172.17.0.0/16
                            route("0101A8C0", "FFFFFFFF") +                        // 192.168.1.1/32
                            route("0000000A", "000000FF");                         // 10.0.0.0/8
  EXPECT_THAT(text_of(parse_routes(table)), ElementsAre("172.17.0.0/16", "192.168.1.1/32", "10.0.0.0/8"));
}

TEST(Routes, ADefaultRouteInPiecesIsNoNetwork) {
  // What VPN clients add in front of the default route: 0.0.0.0/1 and 128.0.0.0/1, or finer pieces.
  const std::string table = std::string(header) + route("00000000", "00000080") +
                            route("00000080", "00000080") + route("00000008", "000000FE");  // 8.0.0.0/7
  EXPECT_THAT(parse_routes(table), IsEmpty());
}

TEST(Routes, LinesThatMakeNoSenseArePassedOver) {
  EXPECT_THAT(parse_routes(""), IsEmpty());
  EXPECT_THAT(parse_routes(header), IsEmpty());
  EXPECT_THAT(parse_routes("eth0\t000011AC\n\n\t\nx y z\n"), IsEmpty());
}

TEST(SubnetPool, IsAPrivateNetworkWithRoomForASession) {
  for (const char* pool : {"10.231.0.0/16", "10.0.0.0/8", "172.31.0.0/16", "192.168.9.16/28"}) {
    const auto parsed = parse_subnet_pool(pool);
    ASSERT_TRUE(parsed) << pool;
    EXPECT_EQ(parsed->to_string(), pool);
    EXPECT_EQ(choose_subnets(*parsed, {}, 2, 7).size(), 2U) << pool;
  }
  for (const char* other : {"", "10.231.0.0", "10.231.0.1/16", "10.231.0.0/29", "10.0.0.0/7", "172.32.0.0/16",
                            "172.16.0.0/11", "192.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                            "203.0.113.0/24", "0.0.0.0/0", "fd00::/64", "10.231.0.0/16 ", "ten/8"}) {
    EXPECT_FALSE(parse_subnet_pool(other)) << other;
  }
}

TEST(Subnets, DoNotOverlapOneAnother) {
  const auto chosen = choose_subnets(cidr("10.231.0.0/16"), {}, 3, 0);
  EXPECT_THAT(text_of(chosen), ElementsAre("10.231.0.0/29", "10.231.0.8/29", "10.231.0.16/29"));
}

TEST(Subnets, BeginWhereTheyAreToldTo) {
  EXPECT_THAT(text_of(choose_subnets(cidr("10.231.0.0/16"), {}, 1, 5)), ElementsAre("10.231.0.40/29"));
  EXPECT_THAT(text_of(choose_subnets(cidr("10.231.0.0/16"), {}, 2, 8191)),
              ElementsAre("10.231.255.248/29", "10.231.0.0/29"));
  EXPECT_THAT(text_of(choose_subnets(cidr("10.231.0.0/16"), {}, 1, 0xffffffff)),
              ElementsAre("10.231.255.248/29"));
}

TEST(Subnets, AvoidWhatIsTaken) {
  const std::vector<Cidr> taken{cidr("10.231.0.0/28"), cidr("10.231.0.17/32"), cidr("192.168.0.0/16")};
  EXPECT_THAT(text_of(choose_subnets(cidr("10.231.0.0/16"), taken, 2, 0)),
              ElementsAre("10.231.0.24/29", "10.231.0.32/29"));
}

TEST(Subnets, AvoidARouteOfTheHosts) {
  // A company network that covers the lower half of the pool.
  const auto routes = parse_routes(std::string(header) + route("0000E70A", "0080FFFF"));
  ASSERT_THAT(text_of(routes), ElementsAre("10.231.0.0/17"));
  EXPECT_THAT(text_of(choose_subnets(cidr("10.231.0.0/16"), routes, 1, 0)), ElementsAre("10.231.128.0/29"));
}

TEST(Subnets, SayWhenThereAreNoneLeft) {
  for (const auto& [pool, taken, count] : {std::tuple{"10.231.0.0/28", std::vector<Cidr>{}, 3U},
                                           {"10.231.0.0/16", std::vector{cidr("10.0.0.0/8")}, 1U},
                                           {"10.231.0.0/30", std::vector<Cidr>{}, 1U}}) {
    try {
      choose_subnets(cidr(pool), taken, count, 7);
      FAIL() << "chose one out of " << pool;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      EXPECT_THAT(error.what(), HasSubstr("cannot choose a subnet from '" + std::string(pool) + "'"));
    }
  }
  EXPECT_EQ(choose_subnets(cidr("10.231.0.0/28"), {}, 2, 1).size(), 2U);
}

TEST(Subnets, FromAPoolOfOneEachIsUsedOnce) {
  std::vector<Cidr> taken;
  for (int i = 0; i < 32; ++i) {
    const auto chosen = choose_subnets(cidr("10.9.0.0/24"), taken, 1, 31);
    taken.push_back(chosen.front());
  }
  EXPECT_THROW(choose_subnets(cidr("10.9.0.0/24"), taken, 1, 0), Error);
}

}  // namespace
}  // namespace drydock::core
