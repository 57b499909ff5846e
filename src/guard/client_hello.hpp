// The server name of a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3), read from the first octets of a stream,
// however they are cut into segments and records. Nothing is decrypted; what is not plainly a ClientHello
// with exactly one host name is refused. Of an encrypted ClientHello (ECH) the outer name is what counts: the
// inner one cannot be seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drydock::guard {

class ClientHello {
 public:
  static constexpr std::size_t max_message = std::size_t{32} << 10;  // octets of the handshake message
  static constexpr std::size_t limit = std::size_t{48} << 10;        // octets of the stream, records included

  enum class State { more, done, failed };

  State feed(std::string_view bytes);
  State state() const { return state_; }

  // After `done`: lower case, is_host_name().
  const std::string& server_name() const { return server_name_; }
  // After `failed`: a lower-case clause.
  const std::string& reason() const { return reason_; }
  // Whether it began as TLS does, so that an alert would be understood.
  bool is_tls() const { return is_tls_; }
  std::size_t size() const { return raw_.size(); }

  // Everything that was fed, to be passed on.
  std::string take() { return std::move(raw_); }

 private:
  State fail(std::string reason);
  State read_records();
  State read_message();

  State state_ = State::more;
  bool is_tls_ = false;
  std::string raw_;
  std::size_t at_ = 0;  // start of the next record in raw_
  std::string message_;
  std::string server_name_;
  std::string reason_;
};

}  // namespace drydock::guard
