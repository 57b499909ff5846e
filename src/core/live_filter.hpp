// The allowlist of a live session as its guard.json has it, and what is done to it: text in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "core/allowlist.hpp"
#include "policy/entries.hpp"

namespace drydock::core {

// The source of what was added to a session while it lived. No other source reads so: files have lines,
// options begin with "--".
inline constexpr const char* live_source = "live";

struct LiveEntry {
  HostPattern pattern;
  std::string source;        // as Source::to_string() has it, or live_source
  std::int64_t expires = 0;  // seconds since the epoch; 0: never

  bool is_live_addition() const { return source == live_source; }
};

// What came of one host.
struct EntryChange {
  enum class What { added, extended, present, revoked };

  What what = What::present;
  std::string line;          // the entry, or the group, as a file has it
  std::string source;        // of what is there now; of a revoked one, where it was
  std::int64_t expires = 0;  // the same; 0: never
  std::string still;         // revoked: the entry that admits the host all the same, and its source
};

// What a user names by one word.
struct NamedEntries {
  std::string name;  // "@github", or the entry
  std::vector<Entry> entries;
};

class LiveFilter {
 public:
  // Throws Error(invalid) when it is not a guard.json.
  explicit LiveFilter(std::string_view guard_json);

  std::uint64_t generation() const { return generation_; }
  const std::vector<LiveEntry>& entries() const { return entries_; }
  // Those of them that name one host.
  std::vector<std::string> exact_names() const;
  // As the guard matches them.
  policy::Entries matcher() const;

  // Takes out what has ended by `now`.
  void drop_expired(std::int64_t now);
  // Adds what is not there. A live addition that ends is given the later end; nothing else is changed.
  std::vector<EntryChange> allow(const std::vector<Entry>& wanted, std::int64_t expires);
  // Takes live additions back. Throws Error, and changes nothing, when one of them is none.
  std::vector<EntryChange> revoke(const std::vector<Entry>& wanted);
  // The same; of a group those of its members that are live additions, of which there must be one. What else
  // of it is there is told as present.
  std::vector<EntryChange> revoke(const std::vector<NamedEntries>& wanted);

  // The two files for it. The filter is verified.
  std::string guard_json(std::uint64_t generation) const;
  std::string filter_text() const;

 private:
  LiveEntry* find(const HostPattern& pattern);
  // Of a group's members, those that were added while the session lived, and what else of it is there.
  void part(const NamedEntries& group, std::vector<Entry>& added, std::vector<EntryChange>& others);

  Json json_;
  std::uint64_t generation_ = 0;
  std::string canary_;
  std::vector<LiveEntry> entries_;
};

// Where a source's text says it is: "hosts:3" is line 3 of "hosts", as Source::to_string() writes it.
Source parse_source(const std::string& text);

}  // namespace drydock::core
