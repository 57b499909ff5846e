// `drydock-guard --probe JSON`: what can be reached from where it runs, shown from inside the session's
// internal network before the agent is there. When its standard input ends the proxy listens; what has
// silences to wait for is looked at before that too. Each check says what it expected and what it got; all
// run at once.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/config.hpp"

namespace drydock::guard {

struct ProbeSettings {
  Endpoint proxy;
  std::string canary;               // the name that the guard answers by itself
  std::vector<std::string> checks;  // by name, from probe_names()
  Ip host;                          // where the host would have its address on this network
  // A public address that is dialled, and a limit for what may stay silent.
  Endpoint outside{Ip::v4(0x01010101), 443};
  std::chrono::milliseconds silence{250};
  std::uint16_t direct_port = 443;  // of the proxy's transparent leg; another one in tests only
};

struct ProbeCheck {
  std::string name;
  std::string expected;
  std::string got;
  bool ok = false;
};

// allowed unlisted literal plain port dial dns host route ipv6 look-alike spelling ambiguous direct nameless
// no-tls ports powers socket variables
const std::vector<std::string>& probe_names();

// Keys: proxy, host, canary, checks, silence_ms; strict, as guard.json. Throws ConfigError.
ProbeSettings parse_probe(std::string_view text);

// In the order of the settings. What needs the proxy is done once `await_word` has returned; what can begin
// earlier is looked at beside it, and once more after it.
std::vector<ProbeCheck> probe(const ProbeSettings& settings, const std::function<void()>& await_word = {});

// {"event":"probe","checks":[{"name","expected","got","ok"}]}, one line.
std::string to_line(const std::vector<ProbeCheck>& checks);

}  // namespace drydock::guard
