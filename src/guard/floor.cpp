#include "guard/floor.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace drydock::guard {
namespace {

struct Row {
  IpRange range;
  const char* reason;
  bool private_use = false;
};

IpRange range(const char* text) { return *IpRange::parse(text); }

constexpr const char* metadata = "it is a cloud's metadata service";
constexpr const char* loopback = "it is a loopback address";
constexpr const char* link_local = "it is a link-local address";
constexpr const char* private_address = "it is a private address";
constexpr const char* documentation = "it is an address for documentation";
constexpr const char* multicast = "it is a multicast address";
constexpr const char* reserved = "it is a reserved address";
constexpr const char* translated = "it is an address of an IPv6 transition mechanism";

// The first row that fits decides.
const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {range("169.254.169.254/32"), metadata},
      {range("100.100.100.200/32"), metadata},
      {range("168.63.129.16/32"), metadata},
      {range("192.0.0.192/32"), metadata},
      {range("0.0.0.0/8"), "it is an address of \"this network\""},
      {range("10.0.0.0/8"), private_address, true},
      {range("100.64.0.0/10"), "it is a carrier's shared address (CGNAT)", true},
      {range("127.0.0.0/8"), loopback},
      {range("169.254.0.0/16"), link_local},
      {range("172.16.0.0/12"), private_address, true},
      {range("192.0.0.0/24"), reserved},
      {range("192.0.2.0/24"), documentation},
      {range("192.88.99.0/24"), translated},
      {range("192.168.0.0/16"), private_address, true},
      {range("198.18.0.0/15"), "it is an address for benchmarks"},
      {range("198.51.100.0/24"), documentation},
      {range("203.0.113.0/24"), documentation},
      {range("224.0.0.0/4"), multicast},
      {range("240.0.0.0/4"), reserved},
      {range("::1/128"), loopback},
      {range("::/128"), "it is the unspecified address"},
      {range("::/96"), "it is an IPv4-compatible address"},
      {range("64:ff9b:1::/48"), translated},
      {range("fd00:ec2::/32"), metadata},
      {range("fc00::/7"), private_address, true},
      {range("fe80::/10"), link_local},
      {range("ff00::/8"), multicast},
      {range("2001::/32"), translated},
      {range("2001::/23"), reserved},
      {range("2001:db8::/32"), documentation},
      {range("2002::/16"), translated},
      {range("3fff::/20"), documentation},
  };
  return rows;
}

std::uint32_t word(const Ip& ip, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | ip.bytes[at + i];
  return value;
}

const IpRange& mapped() {
  static const IpRange prefix = range("::ffff:0:0/96");
  return prefix;
}

// The well-known prefix of RFC 6052: with DNS64 it is how IPv6-only hosts reach IPv4 ones.
const IpRange& nat64() {
  static const IpRange prefix = range("64:ff9b::/96");
  return prefix;
}

// The IPv4 addresses that a packet to `ip` may end up at.
std::vector<Ip> embedded(const Ip& ip) {
  static const IpRange compatible = range("::/96");
  static const IpRange local_nat64 = range("64:ff9b:1::/48");
  static const IpRange six_to_four = range("2002::/16");
  static const IpRange teredo = range("2001::/32");
  if (mapped().contains(ip) || nat64().contains(ip) || compatible.contains(ip) || local_nat64.contains(ip)) {
    return {Ip::v4(word(ip, 12))};
  }
  if (six_to_four.contains(ip)) return {Ip::v4(word(ip, 2))};
  if (teredo.contains(ip)) return {Ip::v4(word(ip, 4)), Ip::v4(~word(ip, 12))};
  return {};
}

bool is_own(const Ip& ip, const FloorRules& rules) {
  return std::find(rules.own.begin(), rules.own.end(), ip) != rules.own.end() ||
         std::any_of(rules.own_ranges.begin(), rules.own_ranges.end(),
                     [&](const IpRange& own) { return own.contains(ip); });
}

}  // namespace

std::string refuse_address(const Ip& ip, const FloorRules& rules, PrivateUse private_use) {
  static const IpRange global = range("2000::/3");
  const std::vector<Ip> inside = embedded(ip);
  if (is_own(ip, rules) ||
      std::any_of(inside.begin(), inside.end(), [&](const Ip& v4) { return is_own(v4, rules); })) {
    return "it is one of this machine's own addresses";
  }
  const bool open = std::any_of(rules.open.begin(), rules.open.end(),
                                [&](const IpRange& public_range) { return public_range.contains(ip); });
  if (open) return {};
  if (mapped().contains(ip) || nat64().contains(ip)) return refuse_address(inside[0], rules, private_use);
  for (const Row& row : table()) {
    if (!row.range.contains(ip)) continue;
    return row.private_use && private_use == PrivateUse::accepted ? "" : row.reason;
  }
  if (ip.v6 && !global.contains(ip)) return "it is not a global address";
  return {};
}

}  // namespace drydock::guard
