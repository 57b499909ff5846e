// The sidecar's files: tinyproxy.conf(5), the filter, the page that a refused client sees, and guard.json.
#pragma once

#include <map>
#include <string>

#include "runtime/address.hpp"

namespace drydock::core {

inline constexpr unsigned proxy_port = 8888;
inline constexpr const char* proxy_config_directory = "/etc/drydock";  // in the sidecar

// `listen` is the sidecar's address on the internal network, `clients` that network.
std::string make_proxy_config(runtime::Ipv4 listen, const runtime::Cidr& clients);

// File name -> content, for the folder that is mounted at proxy_config_directory.
std::map<std::string, std::string> make_proxy_files(runtime::Ipv4 listen, const runtime::Cidr& clients,
                                                    const std::string& filter, const std::string& guard);

}  // namespace drydock::core
