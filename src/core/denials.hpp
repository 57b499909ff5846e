// What a session was refused, put together from its decision log.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drydock::core {

struct Denial {
  std::string host;  // as it was asked for: foreign text
  std::string reason;
  std::int64_t port = 0;    // the last; 0: unknown
  std::uint64_t count = 0;  // of this host for this reason
  std::string first;        // RFC 3339
  std::string last;
};

class Denials {
 public:
  static constexpr std::size_t limit = 1000;  // hosts and reasons that are told apart

  // A line of the log; what is no refusal, or one of the canary's names, is passed over. A refusal of a
  // tunnel that waited and was allowed in the end is taken back.
  void add(std::string_view line);

  // The most frequent first, the more recent of two.
  std::vector<Denial> list() const;
  std::uint64_t total() const { return total_; }
  // Of them, those that came when there were `limit` others already.
  std::uint64_t beyond() const { return beyond_; }
  // Lines of the log that are gone: those before the first one that was there.
  std::uint64_t gone() const { return first_.value_or(0); }

 private:
  void withdraw(const std::string& host, std::uint64_t count);

  std::map<std::pair<std::string, std::string>, Denial> found_;
  std::uint64_t total_ = 0;
  std::uint64_t beyond_ = 0;
  std::map<std::string, std::uint64_t> owed_;  // withdrawn before they were there
  std::optional<std::uint64_t> first_;
};

// For the end of a session: a line that says how much was refused, one for each of the first ten hosts, and
// the command that allows those that can be allowed. Fit for a terminal; nothing when nothing was refused.
// `command`: what such a command begins with ("drydock egress allow").
std::vector<std::string> summary_of(const Denials& denials, const std::string& session,
                                    const std::string& command);

}  // namespace drydock::core
