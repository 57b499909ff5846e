// guard.json: what the guard is told. docs/guard.md describes every key. Strict: an unknown key or a value
// that is not understood is an error, for a rule that is silently dropped is a hole.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "guard/floor.hpp"
#include "policy/entries.hpp"

namespace drydock::guard {

using policy::Entries;
using policy::Entry;

struct Endpoint {
  Ip address;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// What may change while the guard runs.
struct Rules {
  std::uint64_t generation = 0;
  Entries entries;
  FloorRules floor;
  std::unordered_set<std::string> allow_private;  // host names
  std::string canary;                             // empty: none
  std::chrono::seconds ask{0};                    // that an unlisted host waits for a yes; 0: not at all
  std::string session;                            // its id, for the words of a refusal; may be empty
};

struct Config {
  std::uint16_t listen_port = 0;  // on 127.0.0.1, for tinyproxy; 0: any
  std::optional<Endpoint> transparent;
  Endpoint proxy;                      // where clients ask for tunnels
  IpRange clients;                     // who may come, to both legs
  std::vector<std::string> tinyproxy;  // its command line
  std::string project;                 // the folder that the session is of, for the log; may be empty
  std::int64_t ends = 0;               // seconds since the epoch at which the guard ends; 0: never
  Rules rules;
};

struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t max_config_size = std::size_t{8} << 20;

// Throws ConfigError with one clear line.
Config parse_config(std::string_view text);
// The same for a file.
Config read_config(const std::string& path);
// A regular file of at most max_config_size octets. Throws ConfigError.
std::string read_file(const std::string& path);

// Whether what cannot change while the guard runs is the same.
bool same_frame(const Config& a, const Config& b);

}  // namespace drydock::guard
