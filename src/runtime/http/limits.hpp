// How long the transport waits. Tests shorten these.
#pragma once

#include <chrono>

namespace drydock::runtime::http {

struct Limits {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds silence{10'000};  // without a byte, before or within an answer
  std::chrono::milliseconds whole{30'000};    // from an answer's first line to its end
  std::chrono::milliseconds upgrade{30'000};  // from an upgrade's request to the end of the answer's head
  // An engine that is silent and still answers a ping is busy, not hung: it gets this long altogether. Zero:
  // silence is told at once.
  std::chrono::milliseconds busy{0};
};

// What may take long on a busy machine and still must end: starting and removing containers, removing
// networks. Stopping one gets this on top of its own time.
inline constexpr std::chrono::seconds slow_call{120};
// An image of some gigabytes on a slow disk.
inline constexpr std::chrono::minutes image_load{60};

}  // namespace drydock::runtime::http
