// The sidecar's decision log: one JSON object a line, as drydock's guard writes it, made readable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock::core {

// Tunnels and refusals of a session so far, which the guard says in every line.
struct EgressCounts {
  std::int64_t allowed = 0;
  std::int64_t denied = 0;
};
std::optional<EgressCounts> counts_in(std::string_view line);

// {"time","event","leg","host","port","sni","address","verdict","reason","rule","source","sent","received",
// "duration_ms"} as one line for people; whatever is no such object as it is. Always fit for a terminal.
std::string decision_line(std::string_view line);

}  // namespace drydock::core
