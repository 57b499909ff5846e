// Allowlist files: one entry a line, `#` comments, `@name` for a group. docs/allowlist.md is the reference.
// An entry that is not understood is an error, never skipped and never guessed at.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/allowlist_lines.hpp"
#include "core/entry_hint.hpp"
#include "core/host_pattern.hpp"

namespace drydock::core {

// Where an entry was written.
struct Source {
  std::string name;  // a file's path, an option, or "baseline (claude)"
  int line = 0;      // from 1; 0 when the source has no lines

  std::string to_string() const;  // "name:line", or "name" without a line
};

struct Entry {
  HostPattern pattern;
  Source source;
};

// The entries in the order they were added. Of two with the same pattern the first stays.
class Allowlist {
 public:
  void add(Entry entry);
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  // The first entry that admits `host` (as HostPattern::matches() has it), or nullptr.
  const Entry* match(std::string_view host) const;

 private:
  std::vector<Entry> entries_;
  std::unordered_set<std::string> seen_;  // the canonical texts of entries_
};

// The entries of a file's text, a group as its members (with the line of the group). Throws Error(invalid)
// with "cannot read allowlist '<source>:<line>': '<entry>': <reason>" and a hint for the first line that is
// wrong.
std::vector<Entry> parse_allowlist_text(std::string_view text, const std::string& source_name);

// One entry from somewhere that has no lines and no comments, such as a profile. Throws the same, without a
// line; an empty value is an error.
std::vector<Entry> parse_allowlist_entry(std::string_view entry, const std::string& source_name);

// One entry that stands on the command line. Throws Error(usage) "<beginning>'<entry>': <reason>".
std::vector<Entry> parse_allowlist_argument(std::string_view entry, const std::string& source_name,
                                            const std::string& beginning,
                                            EntryPlace place = EntryPlace::argument);

// The entries of a file. A file that does not exist is an empty list, or Error(not_found) when it is
// required; one that cannot be read, is not a regular file, or is over max_allowlist_size is Error(invalid).
// Never blocks on a FIFO or a device.
std::vector<Entry> read_allowlist_file(const std::string& path, bool required);

}  // namespace drydock::core
