// Cuts a stream of bytes into lines, wherever the pieces were cut. LF and CRLF both end a line; neither is
// handed on.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace drydock::runtime::stream {

class Lines {
 public:
  using Sink = std::function<void(std::string_view line)>;
  static constexpr std::size_t default_limit = std::size_t{64} * 1024;

  // A line longer than `limit` bytes is cut there, and what follows up to its end is dropped.
  explicit Lines(std::size_t limit = default_limit) : limit_(limit) {}

  void feed(std::string_view bytes, const Sink& sink);
  // Hands on a last line that has no end, if there is one.
  void finish(const Sink& sink);

 private:
  void add(std::string_view piece);
  void emit(const Sink& sink);

  std::size_t limit_;
  std::string line_;
};

}  // namespace drydock::runtime::stream
