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
    "</body></html>\n";

}  // namespace

std::string make_proxy_config() {
  const std::string directory = proxy_config_directory;
  std::string text;
  // Its only client is the guard, which asks about no more than 128 requests at once and waits 10 s.
  text += "Allow 127.0.0.1\n";
  text += "LogLevel Connect\n";
  text += "MaxClients 256\n";
  text += "Timeout 60\n";
  text += "DisableViaHeader Yes\n";
  // Matched against the raw CONNECT authority, "host:443", which no plain-HTTP URL can equal.
  text += "FilterURLs On\n";
  text += "FilterType ere\n";
  text += "FilterCaseSensitive Off\n";
  text += "FilterDefaultDeny Yes\n";
  text += "ConnectPort 443\n";
  // What the filter admits is handed back to the guard.
  text += "Upstream http 127.0.0.1:" + std::to_string(guard_port) + "\n";
  text += "ErrorFile 403 \"" + directory + "/403.html\"\n";
  return text;
}

std::map<std::string, std::string> make_proxy_files(const std::string& filter, const std::string& guard) {
  return {{"tinyproxy.conf", make_proxy_config()},
          {"filter", filter},
          {"403.html", refusal_page},
          {"guard.json", guard}};
}

}  // namespace drydock::core
