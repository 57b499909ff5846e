#include "core/group_file.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/allowlist_lines.hpp"
#include "core/entry_hint.hpp"
#include "core/host_pattern.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t max_name = 32;

[[noreturn]] void fail(const std::string& origin, const std::string& reason, const std::string& hint) {
  throw Error(ErrorKind::invalid, "cannot read group '" + one_line(origin, 4096) + "': " + reason, hint);
}

std::string name_of(const std::string& origin) {
  std::string name = origin.substr(origin.rfind('/') + 1);
  if (ends_with(name, group_file_ending)) name.resize(name.size() - std::string(group_file_ending).size());
  constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyz0123456789";
  if (name.empty() || name.size() > max_name || first.find(name.front()) == std::string_view::npos ||
      name.find_first_not_of(std::string(first) + "-") != std::string::npos) {
    fail(origin, "its name is not made of up to 32 lower-case letters, digits and '-'",
         "give it another name");
  }
  return name;
}

}  // namespace

Group parse_group(std::string_view text, const std::string& origin) {
  Group group{name_of(origin), {}, origin};
  for (const AllowlistLine& line : allowlist_lines(text, origin, "group")) {
    const auto refuse = [&](const std::string& reason, const std::string& hint) {
      fail(origin + ":" + std::to_string(line.number), "'" + one_line(line.entry) + "': " + reason, hint);
    };
    if (line.entry.empty()) {
      if (group.summary.empty() && group.hosts.empty()) group.summary = one_line(line.comment);
      continue;
    }
    if (starts_with(line.entry, "@")) refuse("a group holds no group", "write its hosts");
    const auto pattern = parse_host_pattern(line.entry);
    if (!pattern) refuse(pattern.error(), hint_for_entry(line.entry));
    const std::string host = pattern->to_string();
    if (line.comment.empty()) refuse("it has no reason", "write '" + host + "  # why it is in the group'");
    const bool twice = std::any_of(group.hosts.begin(), group.hosts.end(),
                                   [&](const GroupHost& other) { return other.host == host; });
    if (twice) refuse("it is in the group already", "remove one of the two");
    group.hosts.push_back({host, one_line(line.comment)});
  }
  if (group.hosts.empty()) fail(origin, "there is no host in it", "write one on a line, with its reason");
  return group;
}

}  // namespace drydock::core
