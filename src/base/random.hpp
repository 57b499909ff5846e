#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace drydock {

// From getrandom(2). Throws Error(internal).
std::string random_hex(std::size_t digits);
std::uint32_t random_number();

}  // namespace drydock
