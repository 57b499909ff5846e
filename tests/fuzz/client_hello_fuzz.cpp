// Whatever the octets and however they are cut, the verdict is the same, and a name is a host name.
#include "fuzz.hpp"
#include "guard/client_hello.hpp"
#include "policy/host_name.hpp"

using drydock::fuzz::require;
using drydock::guard::ClientHello;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 64 + 1U;
  const std::string_view bytes = drydock::fuzz::text(data + 1, size - 1);
  ClientHello whole;
  whole.feed(bytes);
  ClientHello pieces;
  std::size_t fed = 0;
  while (fed < bytes.size() && pieces.state() == ClientHello::State::more) {
    pieces.feed(bytes.substr(fed, step));
    fed += step;
  }
  if (whole.size() < ClientHello::limit) require(whole.state() == pieces.state());
  require(whole.server_name() == pieces.server_name() || whole.state() != pieces.state());
  if (whole.state() == ClientHello::State::done) {
    require(drydock::policy::is_host_name(whole.server_name()));
    require(whole.take() == bytes);
  }
  return 0;
}
