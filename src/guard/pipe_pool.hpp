// Pipes that splice(2) carries bytes through. A relay holds one only while something is in it.
#pragma once

#include <optional>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::guard {

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

class PipePool {
 public:
  static constexpr std::size_t kept = 8;  // pipes that wait for their next use
  static constexpr int size = 256 << 10;  // octets that one is asked to hold; the kernel may give less

  // nullopt when there are no descriptors left.
  std::optional<Pipe> take();
  // Empty it must be.
  void give_back(Pipe pipe);

 private:
  std::vector<Pipe> pipes_;
};

}  // namespace drydock::guard
