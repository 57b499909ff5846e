// What `drydock egress allow` does to an allowlist file: lines are added at its end, and nothing else in it
// is touched.
#pragma once

#include <string>
#include <vector>

#include "core/allowlist.hpp"

namespace drydock::core {

struct AddedLine {
  std::string line;  // as it stands in the file
  bool added = false;
  Source source;  // where it is now, or what admits all of it already
};

// The entries that a user names on the command line, as a file has them; of a group its members. Throws
// Error(usage) "cannot VERB '<host>': <reason>" for the first that is wrong.
std::vector<Entry> parse_hosts(const std::vector<std::string>& hosts, const std::string& verb);

// Adds one line for each of `hosts` (an entry or a group, as a file has it) to the file at `path`, unless all
// of its entries are in it or in `others`, which are read along with it. The file is made, with its folder
// and for its user alone, or replaced at once; a link is followed; its mode stays. Throws Error, and writes
// nothing, when a host is none (kind usage), or the file or one of the others cannot be used as it is. Two
// that add at the same time wait for each other. With `dry_run` says the same and changes nothing.
std::vector<AddedLine> add_to_allowlist(const std::string& path, const std::vector<std::string>& hosts,
                                        const std::vector<std::string>& others, bool dry_run);

}  // namespace drydock::core
