#include "core/allowlist.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/obstacle.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/allowlist_lines.hpp"
#include "core/groups.hpp"

namespace drydock::core {
namespace {

[[noreturn]] void fail(const std::string& source, const std::string& reason, std::string hint = {},
                       ErrorKind kind = ErrorKind::invalid) {
  throw Error(kind, "cannot read allowlist '" + one_line(source, 4096) + "': " + reason, std::move(hint));
}

[[noreturn]] void fail_size(const std::string& source) {
  fail(source, "it is larger than 1 MiB", "split it, or use *.example.com for the hosts of one domain");
}

using Groups = std::map<std::string, tl::expected<std::vector<std::string>, std::string>>;

using Refuse = std::function<void(const std::string& reason)>;

// A group is looked up once, however often it is named: `groups` are those that were. `refuse` throws.
std::vector<Entry> parse_entry(std::string_view entry, const Source& source, Groups& groups,
                               const Refuse& refuse) {
  if (!starts_with(entry, "@")) {
    auto pattern = parse_host_pattern(entry);
    if (!pattern) refuse(pattern.error());
    return {{*std::move(pattern), source}};
  }
  const std::string name = to_lower_ascii(entry.substr(1));
  auto known = groups.find(name);
  if (known == groups.end()) known = groups.emplace(name, group_hosts(name)).first;
  const auto& hosts = known->second;
  if (!hosts) refuse(hosts.error());
  std::vector<Entry> members;
  for (const std::string& host : *hosts) members.push_back({*parse_host_pattern(host), source});
  return members;
}

std::vector<Entry> parse_entry(std::string_view entry, const Source& source, Groups& groups) {
  return parse_entry(entry, source, groups, [&](const std::string& reason) {
    fail(source.to_string(), "'" + one_line(entry) + "': " + reason, hint_for_entry(entry, reason));
  });
}

}  // namespace

std::string Source::to_string() const { return line > 0 ? name + ":" + std::to_string(line) : name; }

void Allowlist::add(Entry entry) {
  if (seen_.insert(entry.pattern.to_string()).second) entries_.push_back(std::move(entry));
}

const Entry* Allowlist::match(std::string_view host) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.pattern.matches(host); });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<Entry> parse_allowlist_text(std::string_view text, const std::string& source_name) {
  std::vector<Entry> entries;
  Groups groups;
  for (const AllowlistLine& line : allowlist_lines(text, source_name, "allowlist")) {
    if (line.entry.empty()) continue;
    std::vector<Entry> parsed = parse_entry(line.entry, {source_name, line.number}, groups);
    std::move(parsed.begin(), parsed.end(), std::back_inserter(entries));
  }
  return entries;
}

std::vector<Entry> parse_allowlist_entry(std::string_view entry, const std::string& source_name) {
  Groups groups;
  return parse_entry(without_blanks(entry), {source_name, 0}, groups);
}

std::vector<Entry> parse_allowlist_argument(std::string_view entry, const std::string& source_name,
                                            const std::string& beginning, EntryPlace place) {
  Groups groups;
  const std::string_view plain = without_blanks(entry);
  return parse_entry(plain, {source_name, 0}, groups, [&](const std::string& reason) {
    throw Error(ErrorKind::usage, beginning + "'" + one_line(plain) + "': " + reason,
                hint_for_entry(plain, reason, place));
  });
}

std::vector<Entry> read_allowlist_file(const std::string& path, bool required) {
  const auto text = read_file(path, max_allowlist_size);
  if (text) return parse_allowlist_text(*text, path);
  const Obstacle& obstacle = text.error();
  if (obstacle.cause == EFBIG) fail_size(path);
  const bool absent = obstacle.cause == ENOENT && !std::filesystem::is_symlink(path);
  if (absent && !required) return {};
  fail(path, obstacle.reason, obstacle.hint, absent ? ErrorKind::not_found : ErrorKind::invalid);
}

}  // namespace drydock::core
