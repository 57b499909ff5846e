// The lines of a file of hosts, an allowlist's or a group's: what is an entry on them, and what a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

inline constexpr std::size_t max_allowlist_size = std::size_t{1} << 20;  // bytes of one file

struct AllowlistLine {
  int number = 0;              // from 1
  std::string_view entry{};    // without blanks around it; empty when there is none
  std::string_view comment{};  // behind the '#', without blanks around it
};

// Of UTF-8 text; a byte order mark and CRLF are accepted. `kind` is what the file is ("allowlist"). Throws
// Error(invalid) "cannot read <kind> '<source>[:line]': <reason>".
std::vector<AllowlistLine> allowlist_lines(std::string_view text, const std::string& source,
                                           const std::string& kind);

std::string_view without_blanks(std::string_view text);

}  // namespace drydock::core
