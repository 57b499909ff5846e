#include "guard/request_head.hpp"

#include <utility>

namespace drydock::guard {

RequestHead::State RequestHead::feed(std::string_view bytes) {
  while (state_ == State::more && !bytes.empty()) {
    if (fed_ >= limit) return state_ = State::too_large;
    const auto end = bytes.substr(0, limit - fed_).find('\n');
    const std::string_view piece = bytes.substr(0, end == std::string_view::npos ? limit - fed_ : end + 1);
    head_ += piece;
    fed_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (end == std::string_view::npos) continue;
    const std::string_view line = std::string_view(head_).substr(line_start_);
    const bool empty = line == "\n" || line == "\r\n";
    if (empty && line_start_ == 0) {
      head_.clear();
      continue;
    }
    line_start_ = head_.size();
    if (empty) state_ = State::done;
  }
  if (state_ == State::done) rest_ += bytes;
  return state_;
}

std::string_view RequestHead::line() const {
  std::string_view line = std::string_view(head_).substr(0, head_.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string RequestHead::take_rest() { return std::exchange(rest_, {}); }

}  // namespace drydock::guard
