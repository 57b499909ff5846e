// The key sequence that leaves a session without ending it, as "ctrl-],ctrl-]" names it, and its search in
// typed bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drydock::core {

inline constexpr std::string_view default_detach_keys = "ctrl-],ctrl-]";

class DetachKeys {
 public:
  // Comma-separated: a character, or ctrl-X with X one of a-z @ [ \ ] ^ _. Empty: there is no such sequence.
  // Throws Error(usage).
  static DetachKeys parse(std::string_view text);

  // Takes typed bytes, gives those to pass on: what may be the sequence's beginning is held back until more
  // comes. Once the whole sequence was typed, detached() is true and nothing more is passed on.
  std::string filter(std::string_view typed);
  bool detached() const { return detached_; }

 private:
  std::string sequence_;
  std::size_t matched_ = 0;
  bool detached_ = false;
};

}  // namespace drydock::core
