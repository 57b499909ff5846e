// The head of a CONNECT request (RFC 9110 9.3.6), as an HTTP/1.0 or 1.1 client sends it, read piece by piece.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "policy/judge.hpp"

namespace drydock::guard {

using policy::Authority;

class ConnectHead {
 public:
  static constexpr std::size_t limit = std::size_t{16} << 10;  // octets of a head

  enum class State { more, done, failed };

  // `field`: the name, in lower case, of a header field whose value is kept. The head fails if it is there
  // twice.
  explicit ConnectHead(std::string field = {}) : field_(std::move(field)) {}

  // Takes the next octets. Whatever follows the head is kept, up to the size of what was fed.
  State feed(std::string_view bytes);
  State state() const { return state_; }

  // After `done`.
  const Authority& authority() const { return authority_; }
  const std::string& field_value() const { return field_value_; }  // empty when the field is not there
  std::string take_rest();

  // After `failed`: an HTTP status (400, 403, 405, 431), the reason in lower case, and the target as far as
  // it was understood (printable ASCII, may be empty).
  int status() const { return status_; }
  const std::string& reason() const { return reason_; }
  const std::string& target() const { return target_; }

 private:
  State fail(int status, std::string reason);
  State parse(std::string_view head);
  bool keep(std::string_view line);

  State state_ = State::more;
  std::string buffer_;
  std::string field_;
  std::string field_value_;
  Authority authority_;
  int status_ = 0;
  std::string reason_;
  std::string target_;
};

}  // namespace drydock::guard
