#include "guard/ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace drydock::guard {

Ip Ip::v4(std::uint32_t host_order) {
  Ip ip;
  for (std::size_t i = 0; i < 4; ++i) ip.bytes[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return ip;
}

std::optional<Ip> Ip::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  Ip ip;
  if (inet_pton(AF_INET, copy.c_str(), ip.bytes.data()) == 1) return ip;
  ip.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) == 1) return ip;
  return std::nullopt;
}

std::optional<Ip> Ip::from(const sockaddr* address) {
  Ip ip;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(ip.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    return ip;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    ip.v6 = true;
    std::memcpy(ip.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    return ip;
  }
  return std::nullopt;
}

std::string Ip::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

socklen_t Ip::to_sockaddr(std::uint16_t port, sockaddr_storage& storage) const {
  storage = {};
  if (!v6) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, bytes.data(), sizeof address.sin_addr);
    std::memcpy(&storage, &address, sizeof address);
    return sizeof address;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, bytes.data(), sizeof address.sin6_addr);
  std::memcpy(&storage, &address, sizeof address);
  return sizeof address;
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = Ip::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  int prefix = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (!base || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (prefix < 0 || prefix > (base->v6 ? 128 : 32)) return std::nullopt;
  for (int bit = prefix; bit < (base->v6 ? 128 : 32); ++bit) {
    if ((base->bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return IpRange{*base, prefix};
}

bool IpRange::contains(const Ip& ip) const {
  if (ip.v6 != base.v6) return false;
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(base.bytes.begin(), base.bytes.begin() + prefix / 8, ip.bytes.begin())) return false;
  if (prefix % 8 == 0) return true;
  const int shift = 8 - prefix % 8;
  return base.bytes[whole] >> shift == ip.bytes[whole] >> shift;
}

}  // namespace drydock::guard
