// The sidecar's decision log: one JSON object a line, as drydock's guard writes it, made readable.
#pragma once

#include <string>
#include <string_view>

namespace drydock::core {

// {"time","event","leg","host","port","sni","address","verdict","reason","rule","source","sent","received",
// "duration_ms"} as one line for people; whatever is no such object as it is. Always fit for a terminal.
std::string decision_line(std::string_view line);

}  // namespace drydock::core
