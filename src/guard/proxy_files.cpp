#include "guard/proxy_files.hpp"

#include <array>
#include <utility>

#include "guard/config.hpp"
#include "policy/host_name.hpp"

namespace drydock::guard {
namespace {

constexpr const char* blanks = " \t\r";

}  // namespace

std::string config_refusal(std::string_view config) {
  constexpr std::array<std::string_view, 3> added{"listen", "port", "filter"};
  while (!config.empty()) {
    const auto end = config.find('\n');
    std::string_view line = config.substr(0, end);
    config.remove_prefix(end == std::string_view::npos ? config.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string directive = policy::lower(line.substr(0, line.find_first_of(blanks)));
    for (const std::string_view each : added) {
      if (directive == each) return "it has a line '" + std::string(each) + "', which the guard adds";
    }
  }
  return {};
}

ProxyFiles read_proxy_files(const std::string& directory, std::vector<std::string> command) {
  ProxyFiles files;
  files.command = std::move(command);
  for (const auto& [name, text] :
       {std::pair{"tinyproxy.conf", &files.config}, std::pair{"filter", &files.filter}}) {
    try {
      *text = read_file(directory + "/" + name);
    } catch (const ConfigError& error) {
      throw ConfigError(std::string(name) + ": " + error.what());
    }
  }
  const std::string reason = config_refusal(files.config);
  if (!reason.empty()) throw ConfigError("tinyproxy.conf: " + reason);
  return files;
}

std::string complete_config(const std::string& config, std::uint16_t port, const std::string& filter_path) {
  return config + "\nListen 127.0.0.1\nPort " + std::to_string(port) + "\nFilter \"" + filter_path + "\"\n";
}

}  // namespace drydock::guard
