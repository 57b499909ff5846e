#include "guard/connect_head.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <utility>

#include "policy/host_name.hpp"

namespace drydock::guard {
namespace {

constexpr std::string_view end_of_line = "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::size_t max_target = 300;

// RFC 9112, 3.2 and 6.3: what two readers may understand differently when it is there twice.
constexpr std::array<std::string_view, 3> single_fields{"host", "content-length", "transfer-encoding"};

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 9112 5: a name, a colon, anything but control characters. Folded lines are not accepted.
bool is_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 1);
  return std::all_of(name.begin(), name.end(), is_token_char) &&
         std::none_of(value.begin(), value.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
         });
}

}  // namespace

ConnectHead::State ConnectHead::fail(int status, std::string reason) {
  status_ = status;
  reason_ = std::move(reason);
  buffer_.clear();
  return state_ = State::failed;
}

ConnectHead::State ConnectHead::feed(std::string_view bytes) {
  if (state_ == State::failed) return state_;
  // The end may lie across two pieces.
  const std::size_t from =
      buffer_.size() < end_of_head.size() ? 0 : buffer_.size() - (end_of_head.size() - 1);
  buffer_.append(bytes);
  if (state_ == State::done) return state_;
  const auto end = buffer_.find(end_of_head, from);
  if (end == std::string::npos) {
    if (buffer_.size() >= limit) return fail(431, "the head of the request is too large");
    return state_;
  }
  if (end + end_of_head.size() > limit) return fail(431, "the head of the request is too large");
  const std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + end_of_head.size());
  return parse(head);
}

ConnectHead::State ConnectHead::parse(std::string_view head) {
  const auto line_end = head.find(end_of_line);
  std::string_view line = head.substr(0, line_end);
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return fail(400, "the request line is malformed");
  if (line.substr(0, first) != "CONNECT") return fail(405, "only CONNECT is served here");
  line.remove_prefix(first + 1);
  const auto second = line.find(' ');
  const std::string_view target = line.substr(0, second);
  if (target.empty() || !std::all_of(target.begin(), target.end(), is_visible)) {
    return fail(400, "the request line is malformed");
  }
  target_ = std::string(target.substr(0, max_target));
  const std::string_view protocol = second == std::string_view::npos ? "" : line.substr(second + 1);
  if (protocol != "HTTP/1.1" && protocol != "HTTP/1.0") return fail(400, "it is not HTTP/1.0 or HTTP/1.1");

  std::string_view fields = line_end == std::string_view::npos ? "" : head.substr(line_end + 2);
  std::bitset<single_fields.size()> seen;
  while (!fields.empty()) {
    const auto end = fields.find(end_of_line);
    const std::string_view field = fields.substr(0, end);
    if (!is_field(field)) return fail(400, "a header field is malformed");
    const auto single = std::find(single_fields.begin(), single_fields.end(),
                                  policy::lower(field.substr(0, field.find(':'))));
    const auto at = static_cast<std::size_t>(single - single_fields.begin());
    const bool again = single != single_fields.end() && seen[at];
    if (again || !keep(field)) return fail(400, "a header field is there twice");
    if (single != single_fields.end()) seen.set(at);
    if (end == std::string_view::npos) break;
    fields.remove_prefix(end + end_of_line.size());
  }
  std::string reason = policy::parse_authority(target, authority_);
  if (!reason.empty()) return fail(403, std::move(reason));
  return state_ = State::done;
}

bool ConnectHead::keep(std::string_view line) {
  const auto colon = line.find(':');
  if (field_.empty() || policy::lower(line.substr(0, colon)) != field_) return true;
  if (!field_value_.empty()) return false;
  line.remove_prefix(colon + 1);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  field_value_ = std::string(line);
  return true;
}

std::string ConnectHead::take_rest() { return std::exchange(buffer_, {}); }

}  // namespace drydock::guard
