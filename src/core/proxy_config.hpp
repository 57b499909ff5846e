// The sidecar's files: tinyproxy.conf(5), the filter, the page that a refused client sees, and guard.json.
#pragma once

#include <map>
#include <string>

namespace drydock::core {

inline constexpr unsigned proxy_port = 8888;                           // of the guard, for the agent
inline constexpr const char* proxy_config_directory = "/etc/drydock";  // in the sidecar

// The guard adds where tinyproxy listens, on loopback, and its filter.
std::string make_proxy_config();

// File name -> content, for the folder that is mounted at proxy_config_directory.
std::map<std::string, std::string> make_proxy_files(const std::string& filter, const std::string& guard);

}  // namespace drydock::core
