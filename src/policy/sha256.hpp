// SHA-256 (FIPS 180-4) for the guard, which has no library but the C one. Everything else uses base/digest.
#pragma once

#include <string>
#include <string_view>

namespace drydock::policy {

// In lower-case hex, 64 digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace drydock::policy
