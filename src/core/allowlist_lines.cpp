#include "core/allowlist_lines.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace drydock::core {
namespace {

// A '#' begins a comment at the start of the line and after a space.
std::size_t comment_begin(std::string_view line) {
  for (auto hash = line.find('#'); hash != std::string_view::npos; hash = line.find('#', hash + 1)) {
    if (hash == 0 || line[hash - 1] == ' ' || line[hash - 1] == '\t') return hash;
  }
  return line.size();
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<AllowlistLine> allowlist_lines(std::string_view text, const std::string& source,
                                           const std::string& kind) {
  const std::string verb = "cannot read " + kind + " '";
  if (text.size() > max_allowlist_size) {
    throw Error(ErrorKind::invalid, verb + one_line(source, 4096) + "': it is larger than 1 MiB",
                "split it, or use *.example.com for the hosts of one domain");
  }
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (starts_with(text, byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  std::vector<AllowlistLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (ends_with(line, "\r")) line.remove_suffix(1);
    const bool nul = line.find('\0') != std::string_view::npos;
    if (nul || !is_utf8(line)) {
      throw Error(ErrorKind::invalid,
                  verb + one_line(source, 4096) + ":" + std::to_string(number) + "': '" + one_line(line) +
                      "': " + (nul ? "it contains a NUL byte" : "it is not UTF-8"),
                  "save the file as UTF-8 text");
    }
    const std::size_t hash = comment_begin(line);
    lines.push_back({number, without_blanks(line.substr(0, hash)),
                     hash < line.size() ? without_blanks(line.substr(hash + 1)) : std::string_view{}});
  }
  return lines;
}

}  // namespace drydock::core
