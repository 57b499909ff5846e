// Small text helpers without a domain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock {

std::string_view trim(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);
std::string to_lower_ascii(std::string_view text);

// The candidate at the smallest edit distance from `word`, or empty when none is near enough to be a typo of
// it.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Text from outside made fit for a message: as one_line(), but line ends and tabs become spaces, those at the
// end nothing, and at most `limit` bytes are kept.
std::string printable(std::string_view text, std::size_t limit = 2000);

// Percent-encodes everything but RFC 3986 unreserved characters.
std::string url_encode(std::string_view text);

}  // namespace drydock
