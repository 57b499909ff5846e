#include "base/quantity.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/text.hpp"

namespace drydock {
namespace {

// Decimal digits with at most one point; no sign, no exponent, no spaces.
std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 24 || text.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  const std::string lower = to_lower_ascii(text);
  const auto unit_at = lower.find_first_not_of("0123456789.");
  const std::string_view number = std::string_view(lower).substr(0, unit_at);
  std::string_view unit =
      unit_at == std::string::npos ? std::string_view{} : std::string_view(lower).substr(unit_at);
  constexpr std::string_view units = "bkmgt";
  double factor = 1;
  if (!unit.empty()) {
    const auto power = units.find(unit.front());
    if (power == std::string_view::npos) return std::nullopt;
    unit.remove_prefix(1);
    if (power > 0 && (unit == "b" || unit == "ib")) unit = {};
    if (!unit.empty()) return std::nullopt;
    factor = std::pow(1024.0, static_cast<double>(power));
  }
  const auto value = parse_decimal(number);
  if (!value || *value * factor >= 9.0e18) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*value * factor));
}

std::optional<std::uint64_t> parse_nano_cpus(std::string_view text) {
  const auto value = parse_decimal(text);
  if (!value || *value <= 0 || *value > 4096) return std::nullopt;
  const auto nano = static_cast<std::uint64_t>(std::llround(*value * 1e9));
  return nano == 0 ? std::nullopt : std::optional(nano);
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr std::int64_t longest = std::int64_t{366} * 86400;
  constexpr std::string_view units = "dhms";
  constexpr std::int64_t seconds_of[] = {86400, 3600, 60, 1};
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0 || value > longest) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    // A number alone is seconds; behind a unit it is a mistake.
    const std::size_t unit = !text.empty() ? units.find(text.front()) : next_unit == 0 ? 3 : units.npos;
    if (unit == units.npos || unit < next_unit) return std::nullopt;
    if (!text.empty()) text.remove_prefix(1);
    next_unit = unit + 1;
    total += value * seconds_of[unit];
  }
  if (total == 0 || total > longest) return std::nullopt;
  return std::chrono::seconds(total);
}

}  // namespace drydock
