#include "guard/floor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "special_addresses.hpp"

namespace drydock::guard {
namespace {

using testing::HasSubstr;

Ip ip(const std::string& text) {
  const auto parsed = Ip::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Ip{});
}

std::string refusal(const std::string& text, const FloorRules& rules = {},
                    PrivateUse private_use = PrivateUse::refused) {
  return refuse_address(ip(text), rules, private_use);
}

TEST(FloorTest, LetsPublicAddressesPass) {
  for (const std::string text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
        "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255",
        "203.0.114.0", "223.255.255.255", "168.63.129.15",
        // Special, and globally reachable: AS112 and AMT.
        "192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1", "2606:4700::1111",
        "2a00:1450:4001:81b::200e", "2001:200::1", "2001:4860:4860::8888", "64:ff9b::1.1.1.1",
        "::ffff:1.1.1.1"}) {
    EXPECT_EQ(refusal(text), "") << text;
  }
}

TEST(FloorTest, RefusesEverySpecialRangeAtBothItsEnds) {
  for (const test::SpecialAddress& special : test::special_addresses())
    EXPECT_THAT(refusal(special.address), HasSubstr(special.reason)) << special.address;
}

TEST(FloorTest, RefusesMetadataServices) {
  for (const std::string text :
       {"169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
        "fd00:ec2:1::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"}) {
    EXPECT_THAT(refusal(text), HasSubstr("metadata")) << text;
    EXPECT_THAT(refusal(text, {}, PrivateUse::accepted), HasSubstr("metadata")) << text;
  }
}

TEST(FloorTest, NeverReachesTheMachineItself) {
  FloorRules rules;
  rules.own = {ip("8.8.4.4"), ip("2a00::5")};
  rules.own_ranges = {*IpRange::parse("10.231.4.0/29")};
  rules.open = {*IpRange::parse("0.0.0.0/0"), *IpRange::parse("::/0")};
  for (const std::string text : {"8.8.4.4", "2a00::5", "::ffff:8.8.4.4", "64:ff9b::8.8.4.4", "::8.8.4.4",
                                 "2002:808:404::1", "2001:0:808:404::", "10.231.4.1", "::ffff:10.231.4.6"}) {
    EXPECT_THAT(refusal(text, rules, PrivateUse::accepted), HasSubstr("own addresses")) << text;
  }
  // Teredo holds the client's address with its bits inverted.
  EXPECT_THAT(refusal("2001:0:0101:0101:0:0:f7f7:fbfb", rules), HasSubstr("own addresses"));
  EXPECT_EQ(refusal("8.8.4.5", rules), "");
  EXPECT_EQ(refusal("10.231.4.8", rules), "");
}

TEST(FloorTest, OpensWhatIsDeclaredPublicAndNoMore) {
  FloorRules rules;
  rules.open = {*IpRange::parse("203.0.113.0/24"), *IpRange::parse("2001:db8::/32")};
  EXPECT_EQ(refusal("203.0.113.10", rules), "");
  EXPECT_EQ(refusal("2001:db8:1::10", rules), "");
  EXPECT_EQ(refusal("::ffff:203.0.113.10", rules), "");
  EXPECT_EQ(refusal("64:ff9b::203.0.113.10", rules), "");
  EXPECT_NE(refusal("198.51.100.1", rules), "");
  EXPECT_NE(refusal("127.0.0.1", rules), "");
}

TEST(FloorTest, OpensPrivateUseAloneForAHostThatIsNamedPrivate) {
  for (const std::string text : {"10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"}) {
    EXPECT_NE(refusal(text), "") << text;
    EXPECT_EQ(refusal(text, {}, PrivateUse::accepted), "") << text;
  }
  for (const std::string text : {"127.0.0.1", "169.254.1.1", "::1", "fe80::1", "224.0.0.1", "0.0.0.0"}) {
    EXPECT_NE(refusal(text, {}, PrivateUse::accepted), "") << text;
  }
}

TEST(IpTest, ReadsAndWrites) {
  EXPECT_EQ(ip("10.0.0.1").to_string(), "10.0.0.1");
  EXPECT_EQ(ip("2001:DB8::1").to_string(), "2001:db8::1");
  for (const std::string text :
       {"", "10.0.0", "010.0.0.1", "10.0.0.1 ", "::1%lo", "1.2.3.4/8", "0x7f.0.0.1"}) {
    EXPECT_FALSE(Ip::parse(text)) << text;
  }
  for (const std::string text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/", "::/129", "::1/64",
                                 "10.0.0.0/-1", "10.0.0.0/8x"}) {
    EXPECT_FALSE(IpRange::parse(text)) << text;
  }
  EXPECT_TRUE(IpRange::parse("0.0.0.0/0")->contains(ip("255.0.0.1")));
  EXPECT_FALSE(IpRange::parse("0.0.0.0/0")->contains(ip("::1")));
  EXPECT_TRUE(IpRange::parse("10.0.0.8/29")->contains(ip("10.0.0.15")));
  EXPECT_FALSE(IpRange::parse("10.0.0.8/29")->contains(ip("10.0.0.16")));
}

}  // namespace
}  // namespace drydock::guard
