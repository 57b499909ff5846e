// Whatever the octets and however they are cut, the verdict is the same; what is admitted is host:443.
#include "fuzz.hpp"
#include "guard/connect_head.hpp"
#include "policy/host_name.hpp"

using drydock::fuzz::require;
using drydock::guard::ConnectHead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 64 + 1U;
  const std::string_view bytes = drydock::fuzz::text(data + 1, size - 1);
  ConnectHead whole;
  whole.feed(bytes);
  ConnectHead pieces;
  for (std::size_t fed = 0; fed < bytes.size(); fed += step) pieces.feed(bytes.substr(fed, step));
  require(whole.state() == pieces.state());
  if (whole.state() == ConnectHead::State::done) {
    require(drydock::policy::is_host_name(whole.authority().host));
    require(whole.authority().port == 443);
    require(whole.authority().host == pieces.authority().host);
    require(whole.take_rest() == pieces.take_rest());
  }
  if (whole.state() == ConnectHead::State::failed) require(whole.status() >= 400 && !whole.reason().empty());
  return 0;
}
