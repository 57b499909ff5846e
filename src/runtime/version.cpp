#include "runtime/version.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace drydock::runtime {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<Version> Version::find_in(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (!is_digit(*at)) {
      ++at;
      continue;
    }
    Version version;
    for (;;) {
      int part = 0;
      const auto [stop, error] = std::from_chars(at, end, part);
      if (error != std::errc{}) return std::nullopt;
      version.parts.push_back(part);
      at = stop;
      if (end - at < 2 || *at != '.' || !is_digit(at[1])) break;
      ++at;
    }
    if (version.parts.size() > 1) return version;
    while (at != end && is_digit(*at)) ++at;
  }
  return std::nullopt;
}

std::string Version::to_string() const {
  std::vector<std::string> words;
  for (const int part : parts) words.push_back(std::to_string(part));
  return join(words, ".");
}

std::strong_ordering operator<=>(const Version& left, const Version& right) {
  return std::lexicographical_compare_three_way(left.parts.begin(), left.parts.end(), right.parts.begin(),
                                                right.parts.end());
}

}  // namespace drydock::runtime
