// An allowlist file is read or refused with a line number, and what was read means the same when it is
// written down and read again. Groups are left out: they are files and programs of the
// machine.
#include "core/allowlist.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "fuzz.hpp"

using drydock::fuzz::require;

namespace {

bool names_a_group(std::string_view text) {
  try {
    const auto lines = drydock::core::allowlist_lines(text, "hosts", "allowlist");
    return std::any_of(lines.begin(), lines.end(),
                       [](const auto& line) { return line.entry.substr(0, 1) == "@"; });
  } catch (const drydock::Error&) {
    return false;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = drydock::fuzz::text(data, size);
  if (names_a_group(text)) return 0;
  std::vector<drydock::core::Entry> entries;
  try {
    entries = drydock::core::parse_allowlist_text(text, "hosts");
  } catch (const drydock::Error& error) {
    require(std::string_view(error.what()).find("'hosts") != std::string_view::npos);
    require(!error.hint().empty());
    return 0;
  }
  for (const drydock::core::Entry& entry : entries) {
    const std::string written = entry.pattern.to_string();
    const auto again = drydock::core::parse_allowlist_text(written + "\n", "hosts");
    require(again.size() == 1 && again.front().pattern.to_string() == written);
    require(entry.source.line > 0);
  }
  return 0;
}
