#include "guard/reply.hpp"

#include "policy/host_name.hpp"

namespace drydock::guard {
namespace {

// Of what was asked for, and of a reason.
constexpr std::size_t max_shown = 300;
// A hint is a line to type, with a name of up to 253 octets: a name that is cut is another one.
constexpr std::size_t max_hint = 1000;

std::string printable(std::string_view text, std::size_t most = max_shown) {
  std::string result;
  for (const char c : text.substr(0, most)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return result;
}

}  // namespace

std::string refusal_reply(int status, std::string_view target, std::string_view reason,
                          std::string_view hint) {
  const bool policy = status < 500;
  const std::string what = target.empty() ? "this request" : printable(target);
  const std::string line =
      std::string(policy ? "drydock refused " : "drydock cannot reach ") + what + ": " + printable(reason);
  std::string body = line + "\n";
  if (policy) body += "This is policy, not a fault of the network; trying again will not help.\n";
  if (!hint.empty()) body += printable(hint, max_hint) + "\n";
  return "HTTP/1.1 " + std::to_string(status) + " " + line +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

std::string allow_hint(const std::string& host, const std::string& session) {
  if (!policy::can_be_listed(host)) return {};
  return "The person who started the session can allow it: drydock egress allow " + host +
         (session.empty() ? "" : " --session " + session);
}

}  // namespace drydock::guard
