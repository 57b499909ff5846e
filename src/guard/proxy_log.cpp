#include "guard/proxy_log.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "policy/host_name.hpp"
#include "policy/judge.hpp"

namespace drydock::guard {
namespace {

bool begins(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// "host:443", a URL, or whatever else a client asked for: as much of it as may be shown. A URL's path and
// query may hold secrets and stay out of the log. What is no port as it is written stays with the host.
void set_target(Event& event, std::string_view target) {
  const auto scheme = target.find("://");
  if (scheme != std::string_view::npos) target.remove_prefix(scheme + 3);
  target = target.substr(0, target.find_first_of("/?#"));
  const auto colon = target.rfind(':');
  const std::string_view host = target.substr(0, colon);
  const std::string_view digits = colon == std::string_view::npos ? "" : target.substr(colon + 1);
  const bool one_colon =
      host.find(':') == std::string_view::npos || (host.front() == '[' && host.back() == ']');
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (one_colon && !digits.empty() && digits.front() != '0' && error == std::errc{} &&
      end == digits.data() + digits.size()) {
    event.port = port;
    target = host;
  }
  event.host = std::string(target);
}

Event denied(std::string_view target, std::string reason) {
  Event event;
  event.event = "denied";
  event.leg = Leg::proxy;
  event.allowed = false;
  event.reason = std::move(reason);
  set_target(event, target);
  return event;
}

// What its client is told: the 403 has its reason from the same parser (ConnectHead).
Event denied_tunnel(std::string_view target) {
  policy::Authority authority;
  std::string reason = policy::parse_authority(target, authority);
  return denied(target, reason.empty() ? policy::not_listed : std::move(reason));
}

// 'Proxying refused on filtered url "X"'; of an X that is too long the line has only the beginning.
std::optional<Event> filtered(std::string_view message) {
  const auto open = message.find('"');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view target = message.substr(open + 1);
  if (target.ends_with('"')) target.remove_suffix(1);
  const std::string url = policy::lower(target);
  if (begins(url, "http://") || begins(url, "ftp://"))
    return denied(target, "not a tunnel: plain HTTP is refused");
  return denied_tunnel(target);
}

// The port that tinyproxy takes a CONNECT's target to name; 0: none, which it takes for 443.
std::uint16_t port_of(std::string_view target) {
  target = target.substr(0, target.find('/'));
  if (const auto at = target.find('@'); at != std::string_view::npos) target.remove_prefix(at + 1);
  const auto colon = target.rfind(':');
  if (colon == std::string_view::npos || target.find(']', colon) != std::string_view::npos) return 0;
  return static_cast<std::uint16_t>(std::strtol(std::string(target.substr(colon + 1)).c_str(), nullptr, 10));
}

// 'Request (file descriptor 4): CONNECT host:80 HTTP/1.1'. tinyproxy refuses other ports before it looks at
// its filter, and says nothing of it at this log level.
std::optional<Event> other_port(std::string_view message) {
  const auto colon = message.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  message.remove_prefix(colon + 2);
  if (!begins(message, "CONNECT ")) return std::nullopt;
  message.remove_prefix(8);
  const std::string_view target = message.substr(0, message.find(' '));
  const std::uint16_t port = port_of(target);
  if (port == 0 || port == 443) return std::nullopt;
  return denied_tunnel(target);
}

}  // namespace

ProxyLine parse_proxy_line(std::string_view line) {
  ProxyLine result;
  // "NOTICE    Nov 26 13:47:40.770 [10626]: message"
  const auto bracket = line.find("]: ");
  const std::string_view level = line.substr(0, line.find(' '));
  const std::string_view message = bracket == std::string_view::npos ? line : line.substr(bracket + 3);
  if (level == "CONNECT") {
    if (begins(message, "Request ")) result.event = other_port(message);
    return result;
  }
  if (level == "DEBUG" || level == "INFO") return result;
  if (begins(message, "Proxying refused on filtered")) {
    result.event = filtered(message);
    return result;
  }
  // Kept back until its log is set up, and that it does when it listens.
  result.started = message == "Reloading config file finished";
  // Neither what each start says is news, nor a client that hangs up.
  if (result.started || message == "Reloading config file" || begins(message, "Initializing tinyproxy") ||
      message.find("closed socket before read") != std::string_view::npos ||
      begins(message, "You SHOULD set a UserName") || message.empty()) {
    return result;
  }
  Event event;
  event.event = "proxy";
  event.reason = std::string(message);
  result.event = std::move(event);
  return result;
}

void LineSplitter::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      lines_ += buffer_ + "\n";
      buffer_.clear();
    } else if (buffer_.size() < limit) {
      buffer_ += c;
    }
  }
}

std::optional<std::string> LineSplitter::next() {
  const auto end = lines_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = lines_.substr(0, end);
  lines_.erase(0, end + 1);
  return line;
}

}  // namespace drydock::guard
