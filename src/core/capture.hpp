// `drydock egress capture`: what a command has asked for where every name was let through, as lines for an
// allowlist. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "core/tunnel_traffic.hpp"

namespace drydock::core {

// The source of the entry that admits every name; no other source reads so.
inline constexpr const char* capture_source = "capture";

struct CapturedHost {
  std::string host;
  std::uint64_t opened = 0;
  std::uint64_t failed = 0;  // admitted, and nobody was there
  std::uint64_t sent = 0;    // octets
  std::uint64_t received = 0;
  std::string allowed_by;  // the entry and its source where it is allowed without the capture; else empty
};

struct CapturedRefusal {
  std::string host;  // as it was asked for: foreign text
  std::string reason;
  std::uint64_t count = 0;
};

class Capture {
 public:
  static constexpr std::size_t limit = 2000;  // hosts, and refusals, that are told apart

  // A line of the session's decision log.
  void add(std::string_view line);

  // By name.
  std::vector<CapturedHost> hosts() const;
  // What even a capture refuses: addresses, other ports, names that lead to private addresses.
  std::vector<CapturedRefusal> refusals() const;
  bool has(const std::string& host) const { return hosts_.count(host) != 0; }

 private:
  void take(const Json& json);

  TunnelTraffic traffic_;
  std::map<std::string, CapturedHost> hosts_;
  std::map<std::pair<std::string, std::string>, CapturedRefusal> refusals_;
};

// Of a run that ended so: why it is not run again. Empty when it may be.
std::string why_not_again(int status);

// Lines of an allowlist: the hosts of `needed` that are not allowed yet, each with what was counted behind a
// '#', then as comments those that are, those that an allowlist refuses as a line, those that only `other`
// asked for (null: there was one run), and refusals.
std::string candidate_lines(const Capture& needed, const Capture* other);
// docs/schema/egress-capture.json, without what is known of the runs.
Json to_json(const Capture& needed, const Capture* other);

}  // namespace drydock::core
