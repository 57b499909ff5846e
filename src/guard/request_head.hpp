// Finds the end of a request's head as tinyproxy does: empty lines ahead of the request line are skipped, a
// line ends with LF, and the first empty one behind the request line ends the head. What the lines say is not
// judged here.
#pragma once

#include <string>
#include <string_view>

namespace drydock::guard {

class RequestHead {
 public:
  static constexpr std::size_t limit = std::size_t{16} << 10;  // octets of a head, empty lines ahead included

  enum class State { more, done, too_large };

  // Takes the next octets. Whatever follows the head is kept, up to the size of what was fed.
  State feed(std::string_view bytes);
  State state() const { return state_; }

  // The request line without its end, as far as it has come.
  std::string_view line() const;
  // Whether tinyproxy takes the request line for a CONNECT's.
  bool is_connect() const { return line().substr(0, 8) == "CONNECT "; }

  // From the request line to the end of the head, or, before `done`, all there is of it.
  const std::string& head() const { return head_; }
  std::string take_rest();

 private:
  State state_ = State::more;
  std::string head_;
  std::string rest_;
  std::size_t fed_ = 0;
  std::size_t line_start_ = 0;  // of the line that is being read, in head_
};

}  // namespace drydock::guard
