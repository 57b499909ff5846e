// The gaps that designs of this kind are known for, by the letters of docs/security.md, and whether drydock closes
// each: the one table behind that page, doctor and what a run says of itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct Gap {
  char letter;
  std::string_view what;
  bool closed;
};

const std::vector<Gap>& gaps();

// Those that are open, as "(a) …; (b) …".
std::string open_gaps();

}  // namespace drydock::core
