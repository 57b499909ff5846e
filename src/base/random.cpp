#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>

#include "base/error.hpp"

namespace drydock {

std::uint32_t random_number() {
  std::uint32_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
    if (errno != EINTR) throw Error(ErrorKind::internal, with_errno("cannot get random bytes", errno));
  }
  return value;
}

std::string random_hex(std::size_t digits) {
  constexpr const char* alphabet = "0123456789abcdef";
  std::string text;
  while (text.size() < digits) text += alphabet[random_number() & 15U];
  return text;
}

}  // namespace drydock
