// The chain of a decision log: each line, a JSON object, ends with its number and with a SHA-256 over the
// hash of the line before and its own octets, so that none can be changed, left out or put in between unseen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock::policy {

// What stands in for the hash before the first line: 64 zeros.
extern const std::string chain_start;

// A line as it is chained: `body` is all of it before `,"chain":`.
struct ChainedLine {
  std::string_view body;
  std::string_view chain;
  std::uint64_t seq = 0;
};
// Nothing for a line that does not end with `,"seq":N,"chain":"HASH"}`. The views are into `line`.
std::optional<ChainedLine> read_chained(std::string_view line);

// The hash that a line has behind one with the hash `before`.
std::string chain_hash(std::string_view before, std::string_view body);

class LineChain {
 public:
  LineChain() = default;
  // Goes on behind a line.
  LineChain(std::uint64_t next_seq, std::string hash) : seq_(next_seq), hash_(std::move(hash)) {}

  // `object` is a JSON object with a member or more, without an end of line; comes back with its number and
  // hash.
  std::string seal(std::string object);

 private:
  std::uint64_t seq_ = 0;
  std::string hash_ = chain_start;
};

}  // namespace drydock::policy
