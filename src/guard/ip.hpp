// IPv4 and IPv6 addresses and ranges as values.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock::guard {

struct Ip {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // network order; an IPv4 address has the first four

  static Ip v4(std::uint32_t host_order);
  static std::optional<Ip> parse(std::string_view text);
  // nullopt for another family.
  static std::optional<Ip> from(const sockaddr* address);

  std::string to_string() const;
  // Returns the length of what it wrote.
  socklen_t to_sockaddr(std::uint16_t port, sockaddr_storage& storage) const;

  friend bool operator==(const Ip&, const Ip&) = default;
};

struct IpRange {
  Ip base;
  int prefix = 0;  // of 32, or of 128

  // "10.0.0.0/8" or "2001:db8::/32"; bits beyond the prefix must be zero.
  static std::optional<IpRange> parse(std::string_view text);
  bool contains(const Ip& ip) const;

  friend bool operator==(const IpRange&, const IpRange&) = default;
};

}  // namespace drydock::guard
