// The tinyproxy filter of an allowlist. With `FilterURLs On` tinyproxy compares the authority of a CONNECT
// with it. A pattern that does not compile ends tinyproxy at the next connection, a line over 511 bytes
// becomes two, and a '#' or a blank cuts a pattern short, so only text that verify_filter() passed is ever
// written.
#pragma once

#include <string>
#include <string_view>

#include "core/allowlist.hpp"

namespace drydock::core {

// One pattern a line, in the order of the list, each line ended; empty text, which denies all, for an empty
// list. Verified.
std::string compile_filter(const Allowlist& list);

// Throws Error(internal) unless every line is of the anchored form that HostPattern::to_ere() makes, shorter
// than 511 bytes, and compiles.
void verify_filter(std::string_view text);

}  // namespace drydock::core
