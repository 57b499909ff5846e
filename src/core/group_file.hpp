// A file of groups/: one group of hosts, in the language of allowlists, each host with the reason why it is
// in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct GroupHost {
  std::string host;    // an entry, as an allowlist has it
  std::string reason;  // the comment behind it
};

struct Group {
  std::string name;     // without the '@'
  std::string summary;  // the file's first comment
  std::string origin;   // the file, or what it was computed from
  bool shipped = false;
  std::vector<GroupHost> hosts{};
  std::string problem{};  // of a computed one: why it has no hosts
};

inline constexpr const char* group_file_ending = ".hosts";

// The group that a file's text holds; the file's name is the group's. Throws Error(invalid) "cannot read
// group
// '<origin>[:line]': <reason>": for a line that is no host, that has no reason or that was there before, for
// a group in it, for none in it.
Group parse_group(std::string_view text, const std::string& origin);

}  // namespace drydock::core
