// guard.json, by which the guard in the sidecar is told what it admits. docs/guard.md has every key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/allowlist.hpp"
#include "runtime/address.hpp"

namespace drydock::core {

inline constexpr unsigned guard_port = 3128;  // on the sidecar's loopback, for tinyproxy
inline constexpr unsigned transparent_port = 443;
inline constexpr const char* guard_program_path = "/usr/bin/drydock-guard";  // in the sidecar

struct GuardSettings {
  std::string session;
  std::string project;  // its path, may be empty
  std::uint64_t generation = 1;
  runtime::Ipv4 address;  // the sidecar's on the internal network
  runtime::Cidr clients;  // that network
  Allowlist allowlist;
  std::string canary;
  std::vector<std::string> own_addresses;
  std::vector<std::string> public_ranges;  // CIDR
  std::vector<std::string> allow_private;  // host names
  std::int64_t ends = 0;                   // seconds since the epoch at which all egress ends; 0: never
  int ask = 0;                             // seconds that an unlisted host waits for a yes; 0: not at all
};

// A name that only the session's own guard knows, and answers itself.
std::string canary_name(const std::string& session);

std::string make_guard_config(const GuardSettings& settings);

// Why the guard would not hold, judged from the file alone: not JSON, other listeners or clients, or entries
// that are not exactly those of `filter`. Empty when it would.
std::string guard_config_fault(std::string_view text, runtime::Ipv4 address, const runtime::Cidr& clients,
                               std::string_view filter);

}  // namespace drydock::core
