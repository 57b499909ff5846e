// The addresses of this machine's interfaces, as text, IPv4 and IPv6, loopback left out.
#pragma once

#include <string>
#include <vector>

namespace drydock::core {

// Throws Error(internal) when the kernel does not tell.
std::vector<std::string> host_addresses();

}  // namespace drydock::core
