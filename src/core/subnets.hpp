// Small networks from a pool that drydock owns, so that neither the engine's pool runs dry nor a route of the
// host's is hidden by a bridge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/address.hpp"

namespace drydock::core {

inline constexpr std::string_view default_subnet_pool = "10.231.0.0/16";
inline constexpr int subnet_prefix = 29;

// A pool that a user names: a network in the private ranges of RFC 1918, without a bit beyond its prefix, and
// with room for a session's two subnets. std::nullopt for anything else.
std::optional<runtime::Cidr> parse_subnet_pool(std::string_view text);

// The IPv4 destinations of the host's routing table, without the default route, in one piece or in several
// (0.0.0.0/1 and 128.0.0.0/1). `table` has the format of /proc/net/route (proc(5)).
std::vector<runtime::Cidr> parse_routes(std::string_view table);
std::vector<runtime::Cidr> host_routes();

// `count` subnets of the pool that overlap none of `taken`, searched from position `start` (modulo the pool's
// size) so that runs that start together do not ask for the same. Throws Error(refused) when the pool is used
// up.
std::vector<runtime::Cidr> choose_subnets(const runtime::Cidr& pool, std::vector<runtime::Cidr> taken,
                                          std::size_t count, std::uint32_t start);

}  // namespace drydock::core
