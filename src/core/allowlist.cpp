#include "core/allowlist.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "core/entry_hint.hpp"
#include "core/groups.hpp"
#include "core/utf8.hpp"

namespace drydock::core {
namespace {

[[noreturn]] void fail(const std::string& source, const std::string& reason, std::string hint = {},
                       ErrorKind kind = ErrorKind::invalid) {
  throw Error(kind, "cannot read allowlist '" + one_line(source, 4096) + "': " + reason, std::move(hint));
}

[[noreturn]] void fail_size(const std::string& source) {
  fail(source, "it is larger than 1 MiB", "split it, or use *.example.com for the hosts of one domain");
}

// A '#' begins a comment at the start of the line and after a space.
std::string_view without_comment(std::string_view line) {
  for (auto hash = line.find('#'); hash != std::string_view::npos; hash = line.find('#', hash + 1)) {
    if (hash == 0 || line[hash - 1] == ' ' || line[hash - 1] == '\t') return line.substr(0, hash);
  }
  return line;
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<Entry> parse_entry(std::string_view entry, const Source& source) {
  const auto refuse = [&](const std::string& reason) {
    fail(source.to_string(), "'" + one_line(entry) + "': " + reason, hint_for_entry(entry));
  };
  if (!starts_with(entry, "@")) {
    auto pattern = parse_host_pattern(entry);
    if (!pattern) refuse(pattern.error());
    return {{*std::move(pattern), source}};
  }
  const auto hosts = group_hosts(to_lower_ascii(entry.substr(1)));
  if (!hosts) refuse(hosts.error());
  std::vector<Entry> members;
  for (const std::string& host : *hosts) members.push_back({*parse_host_pattern(host), source});
  return members;
}

std::string read_all(int fd, const std::string& path) {
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, with_errno("read", errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > max_allowlist_size) fail_size(path);
  }
}

bool is_link(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
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
  if (text.size() > max_allowlist_size) fail_size(source_name);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (starts_with(text, byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  std::vector<Entry> entries;
  Source source{source_name, 0};
  while (!text.empty()) {
    ++source.line;
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (ends_with(line, "\r")) line.remove_suffix(1);

    if (line.find('\0') != std::string_view::npos) {
      fail(source.to_string(), "'" + one_line(line) + "': it contains a NUL byte",
           "save the file as UTF-8 text");
    }
    if (!is_utf8(line)) {
      fail(source.to_string(), "'" + one_line(line) + "': it is not UTF-8", "save the file as UTF-8 text");
    }
    const std::string_view entry = without_blanks(without_comment(line));
    if (entry.empty()) continue;
    std::vector<Entry> parsed = parse_entry(entry, source);
    std::move(parsed.begin(), parsed.end(), std::back_inserter(entries));
  }
  return entries;
}

std::vector<Entry> parse_allowlist_entry(std::string_view entry, const std::string& source_name) {
  return parse_entry(without_blanks(entry), {source_name, 0});
}

std::vector<Entry> read_allowlist_file(const std::string& path, bool required) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    const int cause = errno;
    if (cause == ENOENT && is_link(path)) fail(path, "it is a symbolic link to nothing");
    if (cause == ENOENT && !required) return {};
    fail(path, with_errno("open", cause), {}, cause == ENOENT ? ErrorKind::not_found : ErrorKind::invalid);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(path, with_errno("stat", errno));
  if (S_ISDIR(status.st_mode)) fail(path, "it is a directory");
  if (!S_ISREG(status.st_mode)) fail(path, "it is not a regular file");
  return parse_allowlist_text(read_all(file.get(), path), path);
}

}  // namespace drydock::core
