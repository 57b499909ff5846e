// Whatever the text, it is a configuration or one clear line.
#include <cstring>

#include "fuzz.hpp"
#include "guard/config.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto config = drydock::guard::parse_config(drydock::fuzz::text(data, size));
    drydock::fuzz::require(!config.tinyproxy.empty());
  } catch (const drydock::guard::ConfigError& error) {
    drydock::fuzz::require(*error.what() != '\0' && std::strchr(error.what(), '\n') == nullptr);
  }
  return 0;
}
