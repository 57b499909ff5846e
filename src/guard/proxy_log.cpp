#include "guard/proxy_log.hpp"

#include <algorithm>
#include <charconv>

namespace drydock::guard {
namespace {

bool begins(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// "host:443", a URL, or whatever else a client asked for: as much of it as may be shown. A URL's path and
// query may hold secrets and stay out of the log.
void set_target(Event& event, std::string_view target) {
  const auto scheme = target.find("://");
  if (scheme != std::string_view::npos) target.remove_prefix(scheme + 3);
  target = target.substr(0, target.find_first_of("/?#"));
  const auto colon = target.rfind(':');
  const std::string_view digits = colon == std::string_view::npos ? "" : target.substr(colon + 1);
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!digits.empty() && error == std::errc{} && end == digits.data() + digits.size()) {
    event.port = port;
    target = target.substr(0, colon);
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

// 'Proxying refused on filtered url "X"'
std::optional<Event> filtered(std::string_view message) {
  const auto open = message.find('"');
  const auto close = message.rfind('"');
  if (open == std::string_view::npos || close <= open) return std::nullopt;
  const std::string_view target = message.substr(open + 1, close - open - 1);
  if (target.find("://") != std::string_view::npos)
    return denied(target, "not a tunnel: plain HTTP is refused");
  return denied(target, "not on the allowlist");
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
  Event event = denied(target, "only port 443 is allowed");
  if (!event.port || *event.port == 443) return std::nullopt;
  return event;
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
