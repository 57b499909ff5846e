// Docker's multiplexed stream: frames of an 8-byte header {channel, 0, 0, 0, big-endian length} and a payload
// (Docker Engine API, "Attach to a container", stream format). Incremental: input may be cut anywhere, a
// payload is handed on as it comes, nothing is buffered but a header.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>

#include "runtime/attach_stream.hpp"

namespace drydock::runtime::stream {

class Demux {
 public:
  using Sink = std::function<void(Channel, std::span<const std::byte>)>;
  // Throws Error(protocol) for a header that is none: a channel other than 0, 1, 2 (0 is treated as stdout).
  void feed(std::span<const std::byte> bytes, const Sink& sink);
  // True at a frame's border: the only place where a stream may end.
  bool at_boundary() const { return header_size_ == 0 && remaining_ == 0; }

 private:
  std::array<std::byte, 8> header_{};
  std::size_t header_size_ = 0;
  std::size_t remaining_ = 0;
  Channel channel_ = Channel::out;
};

}  // namespace drydock::runtime::stream
