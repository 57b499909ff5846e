#include "core/detach_keys.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {

DetachKeys DetachKeys::parse(std::string_view text) {
  DetachKeys keys;
  if (text.empty()) return keys;
  for (const std::string& key : split(text, ',')) {
    if (key.size() == 1) {
      keys.sequence_ += key;
      continue;
    }
    const char last = key.empty() ? '\0' : key.back();
    const bool letter = last >= 'a' && last <= 'z';
    const bool sign = last == '@' || (last >= '[' && last <= '_');
    if (!starts_with(key, "ctrl-") || key.size() != 6 || (!letter && !sign)) {
      throw Error(
          ErrorKind::usage,
          "cannot use detach keys '" + printable(text, 80) + "': '" + printable(key, 20) + "' is no key",
          "write them as ctrl-],ctrl-] or pass an empty value to have none");
    }
    keys.sequence_ += static_cast<char>(last & 0x1f);
  }
  return keys;
}

std::string DetachKeys::filter(std::string_view typed) {
  if (sequence_.empty()) return std::string(typed);
  std::string passed;
  for (const char c : typed) {
    if (detached_) break;
    while (matched_ > 0 && c != sequence_[matched_]) {
      // Not the sequence after all: what was held back goes on, but for its longest end that begins another
      // try.
      const std::size_t held = matched_;
      do {
        --matched_;
      } while (sequence_.compare(held - matched_, matched_, sequence_, 0, matched_) != 0);
      passed.append(sequence_, 0, held - matched_);
    }
    if (c == sequence_[matched_]) {
      detached_ = ++matched_ == sequence_.size();
    } else {
      passed += c;
    }
  }
  return passed;
}

}  // namespace drydock::core
