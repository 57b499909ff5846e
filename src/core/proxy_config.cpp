#include "core/proxy_config.hpp"

#include "core/guard_config.hpp"

namespace drydock::core {
namespace {

constexpr const char* refusal_page =
    "<!DOCTYPE html>\n"
    "<html><head><title>refused by drydock</title></head><body>\n"
    "<p>drydock refused {request}: the host is not on this session's allowlist, or the request is not an "
    "HTTPS "
    "tunnel to port 443. This is policy, not a fault of the network; trying again will not help.</p>\n"
    "<p>The person who started the session can allow it with: drydock run --allow HOST</p>\n"
    "</body></html>\n";

}  // namespace

std::string make_proxy_config(runtime::Ipv4 listen, const runtime::Cidr& clients) {
  const std::string directory = proxy_config_directory;
  std::string text;
  text += "Port " + std::to_string(proxy_port) + "\n";
  text += "Listen " + listen.to_string() + "\n";
  text += "Allow " + clients.to_string() + "\n";
  text += "PidFile \"/tmp/tinyproxy.pid\"\n";
  text += "LogLevel Connect\n";
  text += "MaxClients 1024\n";
  // A silent model stream may take long.
  text += "Timeout 7200\n";
  text += "DisableViaHeader Yes\n";
  // Matched against the raw CONNECT authority, "host:443", which no plain-HTTP URL can equal.
  text += "FilterURLs On\n";
  text += "FilterType ere\n";
  text += "FilterCaseSensitive Off\n";
  text += "FilterDefaultDeny Yes\n";
  text += "Filter \"" + directory + "/filter\"\n";
  text += "ConnectPort 443\n";
  // Every tunnel that the filter admits goes through the guard.
  text += "Upstream http 127.0.0.1:" + std::to_string(guard_port) + "\n";
  text += "ErrorFile 403 \"" + directory + "/403.html\"\n";
  return text;
}

std::map<std::string, std::string> make_proxy_files(runtime::Ipv4 listen, const runtime::Cidr& clients,
                                                    const std::string& filter, const std::string& guard) {
  return {{"tinyproxy.conf", make_proxy_config(listen, clients)},
          {"filter", filter},
          {"403.html", refusal_page},
          {"guard.json", guard}};
}

}  // namespace drydock::core
