// Points in time as RFC 3339 writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock {

// Seconds since the epoch; fractions of a second are cut off. "2024-05-06T07:08:09.5+02:00", or Z for UTC.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

// In UTC, to the second.
std::string to_rfc3339(std::int64_t seconds);

}  // namespace drydock
