// One host entry of an allowlist, and the only way to write one. There are no regular expressions: what an
// entry can mean is an exact name, the subdomains of a name, or both.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace drydock::core {

// What Kind::any is in the filter: two labels or more, the last of which begins with a letter.
inline constexpr const char* any_host_ere = "^([a-z0-9-]+\\.)+[a-z][a-z0-9-]*:443$";

struct HostPattern {
  enum class Kind {
    exact,       // example.com: that name only
    subdomains,  // *.example.com: any depth below it, not the name itself
    both,        // .example.com: the name and any depth below it
    any,         // every name (policy::any_host): of a capture only, no entry reads so
  };

  Kind kind = Kind::exact;
  std::string host;  // A-labels, lower case, no trailing dot

  // The canonical entry, which parses to the same pattern.
  std::string to_string() const;

  // Whether the filter admits `host` on port 443: exactly what to_ere() says, without a regular expression.
  // Upper case is folded; a trailing dot, an empty label or anything but letters, digits and '-' never match.
  bool matches(std::string_view name) const;

  // An anchored POSIX extended regular expression for the authority of a CONNECT, "host:443". Never holds
  // `.*`, for that would span '/', '@' and ':'.
  std::string to_ere() const;

  bool operator==(const HostPattern&) const = default;
};

// Parses one entry, without a comment or space around it. The reason for a refusal is a lower-case clause
// ("it is a URL, ...") that never repeats bytes of the entry other than printable ASCII.
tl::expected<HostPattern, std::string> parse_host_pattern(std::string_view entry);
// The same for what to_string() wrote, Kind::any too.
tl::expected<HostPattern, std::string> read_host_pattern(std::string_view text);

}  // namespace drydock::core
