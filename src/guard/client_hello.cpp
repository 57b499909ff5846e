#include "guard/client_hello.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "policy/host_name.hpp"

namespace drydock::guard {
namespace {

constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello_message = 1;
constexpr std::uint8_t tls_major = 3;
constexpr std::size_t record_header = 5;
constexpr std::size_t message_header = 4;
constexpr std::size_t max_record = std::size_t{1} << 14;
constexpr std::size_t random_size = 32;
constexpr std::size_t max_session_id = 32;
constexpr std::uint16_t server_name_extension = 0;
constexpr std::uint8_t host_name_type = 0;

std::uint8_t octet(char c) { return static_cast<std::uint8_t>(c); }

// Takes fields off the front; once something does not fit, everything after it is absent too.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }

  std::optional<std::string_view> take(std::size_t count) {
    if (failed_ || bytes_.size() < count) {
      failed_ = true;
      return std::nullopt;
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::optional<std::size_t> number(std::size_t octets) {
    const auto taken = take(octets);
    if (!taken) return std::nullopt;
    std::size_t value = 0;
    for (const char c : *taken) value = value << 8 | octet(c);
    return value;
  }

  // A length of `octets`, and that many octets.
  std::optional<std::string_view> vector(std::size_t octets) {
    const auto length = number(octets);
    return length ? take(*length) : std::nullopt;
  }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

// The one name of a server_name extension, or the reason why there is none.
std::string read_server_name(std::string_view extension, std::string& name) {
  Reader outer(extension);
  const auto list = outer.vector(2);
  if (!list || !outer.empty()) return "its server name is malformed";
  Reader names(*list);
  const auto type = names.number(1);
  const auto host = names.vector(2);
  if (!type || !host) return "its server name is malformed";
  if (!names.empty()) return "it has more than one server name";
  if (*type != host_name_type) return "its server name is not a host name";
  name = policy::lower(*host);
  if (!policy::is_host_name(name)) return "its server name is not a host name";
  return {};
}

std::string read_extensions(std::string_view bytes, std::string& name) {
  Reader reader(bytes);
  std::vector<std::size_t> types;
  bool named = false;
  while (!reader.empty()) {
    const auto type = reader.number(2);
    const auto data = reader.vector(2);
    if (!type || !data) return "its extensions are malformed";
    types.push_back(*type);
    if (*type != server_name_extension) continue;
    if (named) return "it has more than one server name";
    named = true;
    std::string reason = read_server_name(*data, name);
    if (!reason.empty()) return reason;
  }
  if (!named) return "it has no server name";
  std::sort(types.begin(), types.end());
  if (std::adjacent_find(types.begin(), types.end()) != types.end()) return "it has an extension twice";
  return {};
}

std::string read_body(std::string_view body, std::string& name) {
  Reader reader(body);
  const auto major = reader.number(1);
  const auto minor = reader.number(1);
  const auto random = reader.take(random_size);
  const auto session = reader.vector(1);
  const auto ciphers = reader.vector(2);
  const auto compressions = reader.vector(1);
  if (!major || !minor || !random || !session || !ciphers || !compressions) return "it is cut short";
  if (*major != tls_major) return "it is of an unknown version";
  if (session->size() > max_session_id) return "its session id is too long";
  if (ciphers->empty() || ciphers->size() % 2 != 0) return "its cipher suites are malformed";
  if (compressions->empty()) return "its compression methods are malformed";
  if (reader.empty()) return "it has no server name";
  const auto extensions = reader.vector(2);
  if (!extensions || !reader.empty()) return "its extensions are malformed";
  return read_extensions(*extensions, name);
}

}  // namespace

ClientHello::State ClientHello::fail(std::string reason) {
  reason_ = std::move(reason);
  message_.clear();
  return state_ = State::failed;
}

ClientHello::State ClientHello::feed(std::string_view bytes) {
  if (state_ == State::failed) return state_;
  raw_.append(bytes);
  if (state_ == State::done) return state_;
  return read_records();
}

ClientHello::State ClientHello::read_records() {
  while (at_ < raw_.size()) {
    const std::string_view rest = std::string_view(raw_).substr(at_);
    if (octet(rest[0]) != handshake_record) {
      return fail(at_ == 0 ? "the stream is not TLS" : "its records are interrupted");
    }
    if (rest.size() > 1 && octet(rest[1]) != tls_major) return fail("the stream is not TLS");
    if (rest.size() < record_header) break;
    const std::size_t length = static_cast<std::size_t>(octet(rest[3])) << 8 | octet(rest[4]);
    if (length == 0 || length > max_record) return fail("a record has a wrong length");
    is_tls_ = true;
    if (rest.size() < record_header + length) break;
    message_.append(rest.substr(record_header, length));
    at_ += record_header + length;
    const State state = read_message();
    if (state != State::more) return state;
  }
  if (raw_.size() >= limit) return fail("its ClientHello is too large");
  return state_;
}

ClientHello::State ClientHello::read_message() {
  if (octet(message_[0]) != client_hello_message) return fail("it does not begin with a ClientHello");
  if (message_.size() < message_header) return state_;
  const std::size_t length = static_cast<std::size_t>(octet(message_[1])) << 16 |
                             static_cast<std::size_t>(octet(message_[2])) << 8 | octet(message_[3]);
  if (length > max_message) return fail("its ClientHello is too large");
  if (message_.size() < message_header + length) return state_;
  if (message_.size() > message_header + length)
    return fail("there is more than a ClientHello in its record");
  std::string reason = read_body(std::string_view(message_).substr(message_header), server_name_);
  if (!reason.empty()) return fail(std::move(reason));
  message_.clear();
  message_.shrink_to_fit();
  return state_ = State::done;
}

}  // namespace drydock::guard
