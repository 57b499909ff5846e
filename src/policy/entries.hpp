// The allowlist as the guard sees it: canonical entries, matched without a regular expression and
// independently of the proxy's filter, so that two parsers must agree before a tunnel opens. Pure, and in a
// layer of its own: the guard and drydock both link it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace drydock::policy {

// The pattern that admits every name of two labels or more whose last one begins with a letter. No line of a
// user's can be it: only a capture has it, and every other entry goes before it.
inline constexpr const char* any_host = "*";

struct Entry {
  std::string pattern;  // example.com (that name), *.example.com (below it), .example.com (both), or any_host
  std::string source;   // where it was written, for the log
  std::int64_t expires = 0;  // seconds since the epoch at which it ends; 0: never
};

class Entries {
 public:
  // Returns the reason why an entry is refused ("entry '…' …"), or an empty string.
  std::string add(Entry entry);

  // The first entry that admits `host`, or nullptr. Upper case is folded; what stands in for a wildcard is
  // labels of letters, digits and '-', none of them empty.
  const Entry* match(std::string_view host) const;

  const std::vector<Entry>& all() const { return entries_; }
  // Whether any_host is one of them.
  bool admits_any() const { return any_.has_value(); }

  // match() knows no clock: whoever has entries that end takes them out in time.
  Entries without_expired(std::int64_t now) const;
  // When the first of them ends, if any does.
  std::optional<std::int64_t> next_expiry() const;

 private:
  std::vector<Entry> entries_;
  // Host -> index of the first entry for the name itself, and for what is below it.
  std::unordered_map<std::string, std::size_t> names_;
  std::unordered_map<std::string, std::size_t> below_;
  std::optional<std::size_t> any_;
};

}  // namespace drydock::policy
