#include "runtime/stream/demux.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace drydock::runtime::stream {

void Demux::feed(std::span<const std::byte> bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (remaining_ > 0) {
      const std::size_t taken = std::min(remaining_, bytes.size());
      const auto piece = bytes.first(taken);
      bytes = bytes.subspan(taken);
      remaining_ -= taken;
      sink(channel_, piece);
      continue;
    }
    const std::size_t taken = std::min(header_.size() - header_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
    bytes = bytes.subspan(taken);
    header_size_ += taken;
    if (header_size_ < header_.size()) return;

    header_size_ = 0;
    const int channel = std::to_integer<int>(header_[0]);
    if (channel > 2) {
      throw Error(ErrorKind::protocol,
                  "cannot read the container's output: a frame is for channel " + std::to_string(channel));
    }
    channel_ = channel == 2 ? Channel::err : Channel::out;
    for (std::size_t i = 4; i < header_.size(); ++i) {
      remaining_ = (remaining_ << 8) | std::to_integer<std::size_t>(header_[i]);
    }
  }
}

}  // namespace drydock::runtime::stream
