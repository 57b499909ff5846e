// The address floor: which addresses an allowed name may turn out to have. Everything that the registries
// call special and not globally reachable (IANA's IPv4 and IPv6 special-purpose registries, RFC 6890), the
// parts of 192.0.0.0/24 and 2001::/23 that are reachable too, multicast, the metadata services of clouds, and
// the machine's own addresses are refused, also where an IPv6 address carries an IPv4 one inside.
#pragma once

#include <string>
#include <vector>

#include "guard/ip.hpp"

namespace drydock::guard {

struct FloorRules {
  std::vector<Ip> own;              // of the host and of the sidecar: never dialled, whatever else is said
  std::vector<IpRange> own_ranges;  // the networks that the sidecar is on: likewise
  std::vector<IpRange> open;        // special ranges that are to be treated as public
};

// Whether a private-use address is acceptable, because the user named this host as private.
enum class PrivateUse { refused, accepted };

// The reason why `ip` must not be dialled ("it is a loopback address"), or an empty string.
// PrivateUse::accepted opens the ranges that sites use for themselves (RFC 1918, RFC 4193, RFC 6598) and no
// other.
std::string refuse_address(const Ip& ip, const FloorRules& rules, PrivateUse private_use);

}  // namespace drydock::guard
