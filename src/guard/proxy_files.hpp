// What a tinyproxy is started with: its command line, its configuration and its filter, read once and kept,
// so that one that must be started again is told what the one before it was told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::guard {

struct ProxyFiles {
  std::vector<std::string> command;  // "-c FILE" is added
  std::string config;                // tinyproxy.conf(5); where it listens and its filter are added
  std::string filter;
};

// Reads tinyproxy.conf and filter in `directory`. Throws ConfigError.
ProxyFiles read_proxy_files(const std::string& directory, std::vector<std::string> command);

// The reason why a configuration is not to be completed ("it has a line 'Port'"), or an empty string: it
// would say twice what the guard says.
std::string config_refusal(std::string_view config);

// The configuration with its last lines: on 127.0.0.1 at `port`, with the filter at `filter_path`.
std::string complete_config(const std::string& config, std::uint16_t port, const std::string& filter_path);

}  // namespace drydock::guard
