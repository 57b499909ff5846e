// How many octets the lines of a decision log tell of, each octet once: "progress" and "close" both have what
// the tunnel has carried since it was opened. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "base/json.hpp"

namespace drydock::core {

struct Octets {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

class TunnelTraffic {
 public:
  static constexpr std::size_t limit = 8192;  // open tunnels; those beyond count when they are closed

  // What this line adds to those before it. Throws Error for one that is no line of a guard's.
  Octets take(const Json& line);

 private:
  std::map<std::int64_t, Octets> told_;  // by the tunnel's number
};

}  // namespace drydock::core
