// The guard's allowlist and drydock's agree on every entry and every host. Input: the entry, a newline, the
// host.
#include "core/host_pattern.hpp"
#include "fuzz.hpp"
#include "policy/entries.hpp"

using drydock::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = drydock::fuzz::text(data, size);
  const auto end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto pattern = drydock::core::parse_host_pattern(input.substr(0, end));
  if (!pattern) return 0;
  drydock::policy::Entries entries;
  require(entries.add({pattern->to_string(), ""}).empty());
  const std::string host(input.substr(end + 1));
  for (const std::string& name : {host, host + "." + pattern->host, pattern->host + host}) {
    require(pattern->matches(name) == (entries.match(name) != nullptr));
  }
  return 0;
}
