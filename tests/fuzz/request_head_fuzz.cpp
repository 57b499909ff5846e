// Whatever the octets and however they are cut, the head ends at the same place, and what a strict reader
// takes for a CONNECT is one here too.
#include "fuzz.hpp"
#include "guard/connect_head.hpp"
#include "guard/request_head.hpp"

using drydock::fuzz::require;
using drydock::guard::ConnectHead;
using drydock::guard::RequestHead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 64 + 1U;
  const std::string_view bytes = drydock::fuzz::text(data + 1, size - 1);
  RequestHead whole;
  whole.feed(bytes);
  RequestHead pieces;
  for (std::size_t fed = 0; fed < bytes.size(); fed += step) pieces.feed(bytes.substr(fed, step));
  require(whole.state() == pieces.state());
  require(whole.head().size() <= RequestHead::limit);
  if (whole.state() != RequestHead::State::done) return 0;
  require(whole.head() == pieces.head() && whole.line() == pieces.line());
  require(whole.line().find('\n') == std::string_view::npos && !whole.head().empty());
  ConnectHead strict;
  const std::string rest = whole.take_rest();
  require(rest == pieces.take_rest());
  if (strict.feed(whole.head()) == ConnectHead::State::done) {
    require(whole.is_connect() && strict.take_rest().empty());
  }
  const std::string_view end = bytes.substr(bytes.size() - rest.size());
  require(end == rest);
  return 0;
}
