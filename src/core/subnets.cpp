#include "core/subnets.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

// No network is wider than a /8 (RFC 791, class A); a route that is, is a default route in pieces, as VPN
// clients write one.
constexpr int widest_network = 8;

std::uint32_t from_table(const std::string& hex) {
  std::uint32_t raw = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), raw, 16);
  return ntohl(raw);
}

}  // namespace

std::optional<runtime::Cidr> parse_subnet_pool(std::string_view text) {
  const auto pool = runtime::Cidr::parse(text);
  if (!pool || pool->to_string() != text || pool->prefix >= subnet_prefix) return std::nullopt;
  for (const std::string_view range : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}) {
    const auto whole = *runtime::Cidr::parse(range);
    if (pool->prefix >= whole.prefix && whole.contains(pool->base)) return pool;
  }
  return std::nullopt;
}

std::vector<runtime::Cidr> parse_routes(std::string_view table) {
  std::vector<runtime::Cidr> routes;
  for (const std::string& line : split(table, '\n')) {
    std::istringstream fields(line);
    std::string interface;
    std::string destination;
    std::string gateway;
    std::string flags;
    std::string ignored;
    std::string mask;
    fields >> interface >> destination >> gateway >> flags >> ignored >> ignored >> ignored >> mask;
    if (mask.size() != 8 || destination.size() != 8) continue;
    const int prefix = std::popcount(from_table(mask));
    if (prefix >= widest_network) routes.push_back({runtime::Ipv4{from_table(destination)}, prefix});
  }
  return routes;
}

std::vector<runtime::Cidr> host_routes() {
  std::ifstream file("/proc/net/route");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_routes(text.str());
}

std::vector<runtime::Cidr> choose_subnets(const runtime::Cidr& pool, std::vector<runtime::Cidr> taken,
                                          std::size_t count, std::uint32_t start) {
  std::vector<runtime::Cidr> chosen;
  const std::uint64_t slots = pool.prefix > subnet_prefix ? 0 : pool.size() >> (32 - subnet_prefix);
  for (std::uint64_t i = 0; i < slots && chosen.size() < count; ++i) {
    const auto slot = static_cast<std::uint32_t>((start + i) % slots);
    const runtime::Cidr candidate{pool.at(slot << (32 - subnet_prefix)), subnet_prefix};
    const bool free = std::none_of(taken.begin(), taken.end(),
                                   [&](const runtime::Cidr& other) { return candidate.overlaps(other); });
    if (!free) continue;
    chosen.push_back(candidate);
    taken.push_back(candidate);
  }
  if (chosen.size() < count) {
    throw Error(ErrorKind::refused, "cannot choose a subnet from '" + pool.to_string() + "': none is free",
                "remove ended sessions with: drydock gc");
  }
  return chosen;
}

}  // namespace drydock::core
