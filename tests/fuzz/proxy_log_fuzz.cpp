// Whatever the proxy writes, each line becomes at most one bounded line of the decision log.
#include <algorithm>

#include "fuzz.hpp"
#include "guard/proxy_log.hpp"

using drydock::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drydock::guard::LineSplitter lines;
  lines.feed(drydock::fuzz::text(data, size));
  while (const auto line = lines.next()) {
    const auto parsed = drydock::guard::parse_proxy_line(*line);
    if (!parsed.event) continue;
    const std::string text = drydock::guard::format(*parsed.event, "time");
    require(text.size() < 8192 && std::count(text.begin(), text.end(), '\n') == 0);
  }
  return 0;
}
