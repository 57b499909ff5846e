// UTF-8, one code point at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drydock {

// Takes the first code point off `text`, which must not be empty. Nothing, with `text` as it was, when it
// does not begin with well-formed UTF-8 (no overlong forms, no surrogates, nothing over U+10FFFF).
std::optional<char32_t> take_code_point(std::string_view& text);

bool is_utf8(std::string_view text);

// One line of foreign text made fit for a message: control characters (C1 too), line separators, characters
// that are invisible or turn the writing direction, and bytes that are not UTF-8 become '?'; at most `limit`
// characters are kept.
std::string one_line(std::string_view text, std::size_t limit = 80);

}  // namespace drydock
