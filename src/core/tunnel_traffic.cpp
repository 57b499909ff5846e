#include "core/tunnel_traffic.hpp"

#include <algorithm>
#include <string>

namespace drydock::core {
namespace {

std::uint64_t number(const Json& json, const char* key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(json, key, 0)));
}

}  // namespace

Octets TunnelTraffic::take(const Json& line) {
  const std::string event = string_or(line, "event");
  if (event == "begin") told_.clear();  // another guard counts anew
  if (event != "progress" && event != "close") return {};
  const Octets total{number(line, "sent"), number(line, "received")};
  const std::int64_t tunnel = int_or(line, "tunnel", 0);
  const auto found = told_.find(tunnel);
  const Octets before = found == told_.end() ? Octets{} : found->second;
  if (event == "close") {
    if (found != told_.end()) told_.erase(found);
  } else {
    if (tunnel <= 0 || (found == told_.end() && told_.size() >= limit)) return {};
    told_[tunnel] = {std::max(before.sent, total.sent), std::max(before.received, total.received)};
  }
  return {total.sent - std::min(before.sent, total.sent),
          total.received - std::min(before.received, total.received)};
}

}  // namespace drydock::core
