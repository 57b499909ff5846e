// What the guard says to a client instead of a tunnel. Many clients show the reason phrase alone, others the
// body alone: both say who refused what, why, and what to do.
#pragma once

#include <string>
#include <string_view>

namespace drydock::guard {

inline constexpr std::string_view established_reply = "HTTP/1.1 200 Connection established\r\n\r\n";
// A fatal TLS alert, access_denied (RFC 8446 6), for a client that waits for a handshake to go on.
inline constexpr std::string_view tls_alert{"\x15\x03\x03\x00\x02\x02\x31", 7};

// `target`: what was asked for, may be empty. `hint` may be empty.
std::string refusal_reply(int status, std::string_view target, std::string_view reason,
                          std::string_view hint);

// The line that admits a host, for a person outside to type; empty when no line can. `session` may be empty.
std::string allow_hint(const std::string& host, const std::string& session);

}  // namespace drydock::guard
