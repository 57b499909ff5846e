#include "core/filter.hpp"

#include <regex.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t line_limit = 511;  // tinyproxy's buffer, with the line's end

bool is_label(std::string_view label) {
  return !label.empty() && std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Whether `text` is labels with "\." between them.
bool is_escaped_host(std::string_view text) {
  constexpr std::string_view dot = "\\.";
  for (auto end = text.find(dot); end != std::string_view::npos; end = text.find(dot)) {
    if (!is_label(text.substr(0, end))) return false;
    text.remove_prefix(end + dot.size());
  }
  return is_label(text);
}

bool is_anchored(std::string_view line) {
  if (line == any_host_ere) return true;
  constexpr std::string_view end = ":443$";
  if (!starts_with(line, "^") || !ends_with(line, end)) return false;
  line.remove_prefix(1);
  line.remove_suffix(end.size());
  for (const std::string_view below : {"([a-z0-9-]+\\.)+", "([a-z0-9-]+\\.)*"}) {
    if (!starts_with(line, below)) continue;
    line.remove_prefix(below.size());
    break;
  }
  return is_escaped_host(line);
}

// With the flags that tinyproxy uses.
bool compiles(const std::string& pattern) {
  regex_t compiled;
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB | REG_ICASE | REG_NEWLINE) != 0)
    return false;
  regfree(&compiled);
  return true;
}

[[noreturn]] void fail(std::string_view line, const std::string& reason) {
  throw Error(ErrorKind::internal, "cannot compile filter line '" + one_line(line) + "': " + reason);
}

}  // namespace

std::string compile_filter(const Allowlist& list) {
  std::string text;
  for (const Entry& entry : list.entries()) text += entry.pattern.to_ere() + "\n";
  verify_filter(text);
  return text;
}

void verify_filter(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string line(text.substr(0, end));
    if (end == std::string_view::npos) fail(line, "it has no end");
    if (line.size() >= line_limit) fail(line, "it is too long for tinyproxy");
    if (!is_anchored(line)) fail(line, "it is not an anchored host pattern");
    if (!compiles(line)) fail(line, "it is not a regular expression");
    text.remove_prefix(end + 1);
  }
}

}  // namespace drydock::core
