#include "guard/probe.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <latch>
#include <sstream>
#include <thread>

#include "base/json.hpp"
#include "guard/probe_dial.hpp"
#include "guard/probe_jail.hpp"

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;

constexpr std::uint16_t dns_port = 53;
// Asked of name servers, which know it wherever one leads outside.
constexpr std::string_view dns_question("\3one\3one\3one\3one\0\0\1\0\1", 21);
constexpr std::size_t dns_header = 12;
constexpr unsigned dns_server_failure = 2;  // RFC 1035, 4.1.1
constexpr unsigned dns_refused = 5;

struct Gateway {
  std::string interface;
  std::uint32_t address = 0;  // as the kernel has it, network order
};

// proc(5), /proc/net/route: interface, destination, gateway, in hexadecimal.
std::vector<Gateway> gateways() {
  std::vector<Gateway> found;
  std::ifstream table("/proc/net/route");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string interface;
    std::string destination;
    std::string gateway;
    fields >> interface >> destination >> gateway;
    if (destination == "00000000" || gateway != "00000000") {
      found.push_back({interface, static_cast<std::uint32_t>(std::strtoul(gateway.c_str(), nullptr, 16))});
    }
  }
  return found;
}

// Whether somebody has answered for this address on the link: /proc/net/arp has 0x2 among its flags then. A
// route through nobody leads nowhere, which Docker 20.10 gives to the members of an internal network.
bool is_there(const Gateway& gateway) {
  if (gateway.address == 0) return true;  // a route straight to the link
  std::ifstream table("/proc/net/arp");
  if (!table) return true;
  std::string line;
  std::getline(table, line);
  const std::string wanted = Ip::v4(ntohl(gateway.address)).to_string();
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string address;
    std::string type;
    std::string flags;
    fields >> address >> type >> flags;
    if (address == wanted && (std::strtoul(flags.c_str(), nullptr, 16) & 2U) != 0) return true;
  }
  return false;
}

// The word for what dialling outside came to, once whoever is on the link has had time to answer.
std::string dial_outside(const ProbeSettings& settings) {
  const int error = dial(settings.outside, SOCK_STREAM, Clock(settings.silence)).error;
  if (error != ETIMEDOUT) return word(error);
  const auto all = gateways();
  return std::any_of(all.begin(), all.end(), is_there) ? word(error) : "unreachable";
}

std::string find_route(const ProbeSettings& settings) {
  if (!std::ifstream("/proc/net/route")) return "unknown";
  dial_outside(settings);
  for (const Gateway& gateway : gateways()) {
    if (is_there(gateway)) return "a route through " + gateway.interface;
  }
  return "none";
}

std::vector<Ip> name_servers() {
  std::vector<Ip> servers;
  std::ifstream file("/etc/resolv.conf");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string key;
    std::string value;
    fields >> key >> value;
    const auto ip = Ip::parse(value);
    if (key == "nameserver" && ip) servers.push_back(*ip);
  }
  return servers;
}

// Empty when this server tells nothing.
std::string ask_name_server(const Ip& server, const Clock& clock) {
  const Dialled dialled = dial({server, dns_port}, SOCK_DGRAM, clock);
  if (dialled.error != 0) return {};
  std::string query("\x44\x59\1\0\0\1\0\0\0\0\0\0", dns_header);  // recursion desired, one question
  query += dns_question;
  if (::send(dialled.fd.get(), query.data(), query.size(), MSG_NOSIGNAL) < 0) return {};
  std::array<unsigned char, 1500> answer{};
  if (!wait_for(dialled.fd.get(), POLLIN, clock)) return {};
  const ssize_t count = ::recv(dialled.fd.get(), answer.data(), answer.size(), 0);
  if (count < static_cast<ssize_t>(dns_header)) return {};
  const unsigned code = answer[3] & 0x0fU;
  if (code == dns_server_failure || code == dns_refused) return {};
  return "an answer from " + server.to_string();
}

// Those of the network.
std::string ask_name_servers(const ProbeSettings& settings) {
  std::vector<Ip> servers = name_servers();
  servers.push_back(settings.host);
  const Clock clock(settings.silence);
  std::vector<std::string> answers(servers.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = ask_name_server(servers[i], clock); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& answer : answers) {
    if (!answer.empty()) return answer;
  }
  return "none";
}

// For a second look, whose silences the first has waited out: what has come up meanwhile answers at once.
ProbeSettings at_a_glance(ProbeSettings settings) {
  settings.silence /= 5;
  return settings;
}

// The proxy's place as well. Asked before the proxy is there, its address would be looked for again only a
// second later: so it is not in the first look, and its silence is waited for here.
std::string ask_all_name_servers(const ProbeSettings& settings) {
  auto proxy = std::async(std::launch::async,
                          [&] { return ask_name_server(settings.proxy.address, Clock(settings.silence)); });
  const std::string got = ask_name_servers(at_a_glance(settings));
  const std::string answer = proxy.get();
  return answer.empty() ? got : answer;
}

// Any word from there, a refusal too, shows that the host is there.
std::string dial_host(const ProbeSettings& settings) {
  for (const std::uint16_t port : {std::uint16_t{22}, std::uint16_t{80}}) {
    const std::string got = word(dial({settings.host, port}, SOCK_STREAM, Clock(settings.silence)).error);
    if (got != "no answer" && got != "unreachable") return got;
  }
  return "nobody";
}

std::string find_ipv6() {
  std::ifstream table("/proc/net/if_inet6");
  std::string line;
  return table && std::getline(table, line) ? "an address" : "none";
}

struct Check {
  const char* name;
  const char* expected;
  std::function<std::string(const ProbeSettings&)> run;
  std::function<bool(const std::string&)> holds = {};  // empty: it got what it expected
  // What does not need the proxy and has silences to wait for: a first look, before the word to begin.
  std::function<std::string(const ProbeSettings&)> early = {};
};

bool is_unreachable(const std::string& got) { return got == "unreachable" || got == "refused"; }

const std::vector<Check>& table() {
  static const std::vector<Check> checks{
      {"allowed",
       "200",
       [](const auto& s) { return ask_proxy(s.proxy, connect_request(s.canary + ":443")); },
       {}},
      {"unlisted",
       "403",
       [](const auto& s) { return ask_proxy(s.proxy, connect_request("not-" + s.canary + ":443")); },
       {}},
      {"literal",
       "403",
       [](const auto& s) {
         return ask_proxy(s.proxy, connect_request(s.outside.address.to_string() + ":443"));
       },
       {}},
      {"plain",
       "403",
       [](const auto& s) {
         return ask_proxy(s.proxy, "GET http://" + s.canary + "/ HTTP/1.1\r\nHost: " + s.canary + "\r\n\r\n");
       },
       {}},
      {"port",
       "403",
       [](const auto& s) { return ask_proxy(s.proxy, connect_request(s.canary + ":80")); },
       {}},
      {"dial", "unreachable", [](const auto& s) { return dial_outside(at_a_glance(s)); }, is_unreachable,
       dial_outside},
      {"dns", "none", ask_all_name_servers, {}, ask_name_servers},
      {"host", "nobody", [](const auto& s) { return dial_host(at_a_glance(s)); }, {}, dial_host},
      {"route", "none", [](const auto& s) { return find_route(at_a_glance(s)); }, {}, find_route},
      {"ipv6", "none", [](const auto&) { return find_ipv6(); }, {}},
      {"look-alike", "403", [](const auto& s) { return ask_for_look_alikes(s); }, {}},
      {"spelling", "403", [](const auto& s) { return ask_for_spellings(s); }, {}},
      {"ambiguous", "refused", [](const auto& s) { return ask_ambiguously(s); }, {}},
      {"direct", "alert", [](const auto& s) { return greet_directly(s, "not-" + s.canary); }, {}},
      {"nameless", "alert", [](const auto& s) { return greet_directly(s, ""); }, {}},
      {"no-tls", "closed", [](const auto& s) { return speak_plainly(s); }, {}},
      {"ports", "the two", [](const auto& s) { return find_ports(s); }, {}},
      {"powers", "none", [](const auto&) { return find_powers("/proc/self/status"); }, {}},
      {"socket", "none", [](const auto&) { return find_sockets("/"); }, {}},
      {"variables", "as planned", [](const auto& s) { return compare_proxy_variables(s); }, {}}};
  return checks;
}

const Check* find_check(const std::string& name) {
  const auto found =
      std::find_if(table().begin(), table().end(), [&](const Check& check) { return check.name == name; });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace

const std::vector<std::string>& probe_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Check& check : table()) all.emplace_back(check.name);
    return all;
  }();
  return names;
}

ProbeSettings parse_probe(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw ConfigError("it is not a JSON object");
  ProbeSettings settings;
  const auto address = [](const Json& value) {
    const auto ip = value.is_string() ? Ip::parse(value.get<std::string>()) : std::nullopt;
    if (!ip) throw ConfigError("an address is not understood");
    return *ip;
  };
  try {
    for (const auto& [key, value] : json.items()) {
      if (key == "proxy") {
        settings.proxy = {address(value.at("address")), value.at("port").get<std::uint16_t>()};
      } else if (key == "host") {
        settings.host = address(value);
      } else if (key == "canary") {
        settings.canary = value.get<std::string>();
      } else if (key == "checks") {
        settings.checks = value.get<std::vector<std::string>>();
      } else if (key == "silence_ms") {
        settings.silence = milliseconds(value.get<std::uint16_t>());
      } else {
        throw ConfigError("key '" + key + "' is unknown");
      }
    }
  } catch (const Json::exception&) {
    throw ConfigError("a key is missing or not of its type");
  }
  const bool known = std::all_of(settings.checks.begin(), settings.checks.end(),
                                 [](const std::string& name) { return find_check(name) != nullptr; });
  if (settings.checks.empty() || !known) throw ConfigError("key 'checks' names none, or an unknown one");
  if (settings.proxy.port == 0 || settings.host == Ip{} || settings.canary.empty()) {
    throw ConfigError("one of the keys proxy, host and canary is missing");
  }
  return settings;
}

std::vector<ProbeCheck> probe(const ProbeSettings& settings, const std::function<void()>& await_word) {
  const std::size_t count = settings.checks.size();
  std::vector<ProbeCheck> first(count);
  std::vector<ProbeCheck> results(count);
  std::latch begun(1);
  std::vector<std::thread> threads;
  const auto look = [&](const Check& check, const auto& run) {
    const std::string got = run(settings);
    return ProbeCheck{check.name, check.expected, got,
                      check.holds ? check.holds(got) : got == check.expected};
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Check& check = *find_check(settings.checks[i]);
    first[i].ok = true;
    if (check.early) threads.emplace_back([&, i] { first[i] = look(check, check.early); });
    threads.emplace_back([&, i] {
      begun.wait();
      results[i] = look(check, check.run);
    });
  }
  if (await_word) await_word();
  begun.count_down();
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < count; ++i) {
    if (!first[i].ok) results[i] = first[i];
  }
  return results;
}

std::string to_line(const std::vector<ProbeCheck>& checks) {
  Json list = Json::array();
  for (const ProbeCheck& check : checks) {
    list.push_back(
        {{"name", check.name}, {"expected", check.expected}, {"got", check.got}, {"ok", check.ok}});
  }
  return Json{{"event", "probe"}, {"checks", list}}.dump() + "\n";
}

}  // namespace drydock::guard
