// Host names as tunnels name them: letters, digits and hyphens (RFC 1123), absolute, never an address.
#pragma once

#include <string>
#include <string_view>

namespace drydock::policy {

inline constexpr std::size_t max_host_name = 253;

std::string lower(std::string_view text);

// Lower-case labels of 1 to 63 of [a-z0-9-] with single dots between them, 253 octets at most, and a last
// label that is not a number (WHATWG URL: such a host is an IPv4 address in some spelling). No trailing dot.
bool is_host_name(std::string_view text);

// Whether the last label, of a name that may have a dot behind it, is a number.
bool ends_in_number(std::string_view host);

// Whether programs read it as an address, in whatever spelling: with brackets, a zone, user-info or a port,
// or without. What begins with a name that is_host_name(), and has one colon at most, is none.
bool is_address(std::string_view text);

// Whether a line of an allowlist can be this name: is_host_name(), of two labels or more, none of which
// begins or ends with '-'. No name that drydock takes for a line is refused here; of those with "xn--" in
// them drydock refuses more.
bool can_be_listed(std::string_view name);

}  // namespace drydock::policy
