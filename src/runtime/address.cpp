#include "runtime/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace drydock::runtime {
namespace {

std::uint32_t mask(int prefix) { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

}  // namespace

std::optional<Ipv4> Ipv4::parse(std::string_view text) {
  in_addr raw{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &raw) != 1) return std::nullopt;
  return Ipv4{ntohl(raw.s_addr)};
}

std::string Ipv4::to_string() const {
  const in_addr raw{htonl(value)};
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &raw, text, sizeof text);
  return text;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Ipv4::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  int prefix = 32;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  }
  if (prefix < 0 || prefix > 32) return std::nullopt;
  return Cidr{Ipv4{address->value & mask(prefix)}, prefix};
}

std::string Cidr::to_string() const { return base.to_string() + "/" + std::to_string(prefix); }

bool Cidr::overlaps(const Cidr& other) const {
  const std::uint32_t common = mask(std::min(prefix, other.prefix));
  return (base.value & common) == (other.base.value & common);
}

bool Cidr::contains(Ipv4 address) const { return (address.value & mask(prefix)) == base.value; }

}  // namespace drydock::runtime
