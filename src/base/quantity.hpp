// Sizes and counts as users write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drydock {

// "512", "512b", "64k", "512m", "2g", "1t", also "512MiB" and "512mb"; factors of 1024, as podman and docker
// take them. Absent when malformed, negative or too large.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

// "1.5" CPUs as billionths. Absent when malformed, not above zero, or over 4096.
std::optional<std::uint64_t> parse_nano_cpus(std::string_view text);

// "90", "90s", "10m", "2h", "1d", and these together from the longest down: "1h30m". Absent when malformed,
// zero, or over a year.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace drydock
