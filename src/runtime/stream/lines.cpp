#include "runtime/stream/lines.hpp"

#include <algorithm>
#include <utility>

namespace drydock::runtime::stream {

void Lines::feed(std::string_view bytes, const Sink& sink) {
  while (true) {
    const auto end = bytes.find('\n');
    add(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    emit(sink);
    bytes.remove_prefix(end + 1);
  }
}

void Lines::finish(const Sink& sink) {
  if (!line_.empty()) emit(sink);
}

// One byte over the limit is kept, because it may be the CR of the line's end.
void Lines::add(std::string_view piece) {
  line_ += piece.substr(0, std::min(piece.size(), limit_ + 1 - line_.size()));
}

void Lines::emit(const Sink& sink) {
  std::string line = std::exchange(line_, {});
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.size() > limit_) line.resize(limit_);
  sink(line);
}

}  // namespace drydock::runtime::stream
