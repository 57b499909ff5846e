#include "base/utf8.hpp"

namespace drydock {
namespace {

// How many bytes follow a lead byte; -1 for a byte that cannot lead.
int continuation_bytes(unsigned char lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  if (lead >= 0xf0 && lead <= 0xf4) return 3;
  return -1;
}

bool is_in_range(char32_t code, int length) {
  if (length == 2) return code >= 0x800 && (code < 0xd800 || code > 0xdfff);
  if (length == 3) return code >= 0x10000 && code <= 0x10ffff;
  return true;
}

bool is_safe_to_show(char32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const bool unseen = code == 0xad || code == 0x61c || code == 0xfeff || (code >= 0x200b && code <= 0x200f) ||
                      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                      (code >= 0xe0000 && code <= 0xe0fff);
  return !control && !unseen;
}

}  // namespace

std::optional<char32_t> take_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const int length = continuation_bytes(lead);
  if (length < 0 || text.size() <= static_cast<std::size_t>(length)) return std::nullopt;
  char32_t code = length == 0 ? lead : lead & (0x3fU >> length);
  for (std::size_t i = 1; i <= static_cast<std::size_t>(length); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80U) return std::nullopt;
    code = (code << 6U) | (byte & 0x3fU);
  }
  if (!is_in_range(code, length)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(length) + 1);
  return code;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_code_point(text)) return false;
  }
  return true;
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string clean;
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == limit) return clean + "...";
    const std::string_view before = text;
    const std::optional<char32_t> code = take_code_point(text);
    if (!code) text.remove_prefix(1);
    if (code && is_safe_to_show(*code)) {
      clean += before.substr(0, before.size() - text.size());
    } else {
      clean += '?';
    }
  }
  return clean;
}

}  // namespace drydock
