#include "core/decision_log.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

std::string traffic(const Json& entry) {
  const std::int64_t sent = int_or(entry, "sent", -1);
  const std::int64_t received = int_or(entry, "received", -1);
  if (sent < 0 || received < 0) return {};
  std::string text = std::to_string(sent) + " B out, " + std::to_string(received) + " B in";
  const std::int64_t duration = int_or(entry, "duration_ms", -1);
  if (duration >= 0) text += ", " + std::to_string(duration) + " ms";
  return text;
}

std::string target(const Json& entry) {
  std::string text = string_or(entry, "host");
  if (text.empty()) return {};
  const std::int64_t port = int_or(entry, "port", 0);
  if (port > 0) text += ":" + std::to_string(port);
  if (const std::string address = string_or(entry, "address"); !address.empty()) text += " [" + address + "]";
  if (const std::string sni = string_or(entry, "sni"); !sni.empty() && sni != string_or(entry, "host"))
    text += " sni=" + sni;
  return text;
}

std::string rule(const Json& entry) {
  const std::string pattern = string_or(entry, "rule");
  const std::string source = string_or(entry, "source");
  if (pattern.empty()) return {};
  return source.empty() ? "by " + pattern : "by " + pattern + " (" + source + ")";
}

}  // namespace

std::optional<EgressCounts> counts_in(std::string_view line) {
  if (line.empty() || line.front() != '{') return std::nullopt;
  try {
    const Json entry = parse_json(line, "a decision");
    const EgressCounts counts{int_or(entry, "opened", -1), int_or(entry, "refused", -1)};
    if (counts.allowed < 0 || counts.denied < 0) return std::nullopt;
    return counts;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string decision_line(std::string_view line) {
  const auto as_is = [&] { return printable(line, 4096); };
  if (line.empty() || line.front() != '{') return as_is();
  try {
    const Json entry = parse_json(line, "a decision");
    const std::string event = string_or(entry, "event");
    if (event.empty()) return as_is();
    std::vector<std::string> parts{string_or(entry, "time", "-"), event};
    for (const std::string& part : {string_or(entry, "verdict"), target(entry), string_or(entry, "reason"),
                                    rule(entry), traffic(entry)}) {
      if (!part.empty()) parts.push_back(part);
    }
    return printable(join(parts, "  "), 4096);
  } catch (const Error&) {
    return as_is();
  }
}

}  // namespace drydock::core
