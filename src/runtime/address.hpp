// IPv4 addresses and networks as values. IPv6 is off in every network that drydock makes, so none is needed
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock::runtime {

struct Ipv4 {
  std::uint32_t value = 0;  // host byte order

  static std::optional<Ipv4> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(Ipv4, Ipv4) = default;
  friend auto operator<=>(Ipv4, Ipv4) = default;
};

// A network in CIDR notation. Host bits are always zero.
struct Cidr {
  Ipv4 base;
  int prefix = 32;

  // Accepts host bits and clears them.
  static std::optional<Cidr> parse(std::string_view text);
  std::string to_string() const;
  Ipv4 at(std::uint32_t offset) const { return Ipv4{base.value + offset}; }
  std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix); }
  bool overlaps(const Cidr& other) const;
  bool contains(Ipv4 address) const;
  friend bool operator==(const Cidr&, const Cidr&) = default;
};

}  // namespace drydock::runtime
