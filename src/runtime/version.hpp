// Version numbers as engines and their helpers tell them, for "older than the one that mended it".
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::runtime {

struct Version {
  std::vector<int> parts;  // at least two

  // The first number in `text` that has a dot: of "crun version 1.8.1\ncommit: f8a0" 1.8.1, of
  // "v1.1.12-0-g51d5e94" 1.1.12, of "20.10.24+dfsg1" 20.10.24. What a distribution or a pre-release adds
  // behind it is left out.
  static std::optional<Version> find_in(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const Version&, const Version&) = default;
  friend std::strong_ordering operator<=>(const Version& left, const Version& right);
};

}  // namespace drydock::runtime
