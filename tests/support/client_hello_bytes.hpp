// ClientHellos made to order, for tests and as the seeds of fuzzing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::test {

inline std::string big_endian(std::size_t value, int octets) {
  std::string bytes;
  for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

// A length of `octets`, and the content.
inline std::string vector_of(std::string_view content, int octets) {
  return big_endian(content.size(), octets) + std::string(content);
}

inline std::string extension(std::uint16_t type, std::string_view data) {
  return big_endian(type, 2) + vector_of(data, 2);
}

inline std::string name_entry(std::string_view name, std::uint8_t type = 0) {
  return big_endian(type, 1) + vector_of(name, 2);
}

inline std::string sni(std::string_view name) { return extension(0, vector_of(name_entry(name), 2)); }

struct Hello {
  std::uint16_t version = 0x0303;
  std::string session_id = std::string(32, 's');
  std::string ciphers{"\x13\x01\x13\x02", 4};
  std::string compressions{"\x00", 1};
  std::string extensions;
  bool with_extensions = true;

  std::string body() const {
    std::string bytes = big_endian(version, 2) + std::string(32, 'r') + vector_of(session_id, 1) +
                        vector_of(ciphers, 2) + vector_of(compressions, 1);
    if (with_extensions) bytes += vector_of(extensions, 2);
    return bytes;
  }
  // The handshake message.
  std::string message() const { return big_endian(1, 1) + vector_of(body(), 3); }
};

// Cuts a message into records of at most `size` octets.
inline std::string records(std::string_view message, std::size_t size = 16384,
                           std::uint16_t version = 0x0301) {
  std::string bytes;
  while (!message.empty()) {
    const std::string_view piece = message.substr(0, size);
    bytes += big_endian(22, 1) + big_endian(version, 2) + vector_of(piece, 2);
    message.remove_prefix(piece.size());
  }
  return bytes;
}

inline std::string hello_for(std::string_view name) {
  Hello hello;
  hello.extensions = sni(name);
  return records(hello.message());
}

}  // namespace drydock::test
