// What is said of a name that a tunnel is asked for: the one place that decides it. The guard asks here about
// every tunnel, and `drydock egress test` about what would come of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/entries.hpp"

namespace drydock::policy {

struct Authority {
  std::string host;  // lower case, is_host_name()
  std::uint16_t port = 0;
  friend bool operator==(const Authority&, const Authority&) = default;
};

// Why a tunnel is refused, in words of one line that hold nothing of what was asked for.
inline constexpr const char* not_listed = "not on the allowlist";
inline constexpr const char* no_longer_allowed = "no longer allowed";
inline constexpr const char* is_an_address = "it is an address, not a host name";
inline constexpr const char* is_a_url = "it is a URL, not a host";
inline constexpr const char* is_no_host = "it is not a host name";

// "host:443". Returns the reason for a refusal, or an empty string and fills `authority`. Strict: no
// user-info, no brackets, no address in any spelling, no trailing dot, a port written exactly "443".
std::string parse_authority(std::string_view text, Authority& authority);

struct Judgement {
  const Entry* entry = nullptr;  // that admits it, of the entries that were asked; none: refused
  std::string reason;            // of a refusal
};

// Of a host that parse_authority() has taken, or that a TLS handshake names.
Judgement judge_host(std::string_view host, const Entries& entries);
// Of the authority of a CONNECT, as it stands there.
Judgement judge(std::string_view authority, const Entries& entries);

}  // namespace drydock::policy
