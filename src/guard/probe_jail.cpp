#include "guard/probe_jail.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "guard/probe_dial.hpp"

namespace drydock::guard {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t last_port = 10240;
constexpr std::size_t dials_at_once = 256;
constexpr std::size_t most_files = 200'000;  // that are looked at; an image of the sidecar's has a dozen
constexpr char tls_alert = '\x15';

// What all of them get, or "WHAT: GOT" of the first that gets something else.
std::string ask_for_all(const ProbeSettings& settings, const std::vector<std::string>& authorities,
                        const std::string& expected) {
  for (const std::string& authority : authorities) {
    const std::string got = ask_proxy(settings.proxy, connect_request(authority));
    if (got != expected) return authority + ": " + got;
  }
  return expected;
}

void put(std::string& text, std::size_t value, int octets) {
  for (int shift = (octets - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
}

// RFC 8446, 4.1.2, with what the guard reads and nothing else.
std::string client_hello(const std::string& name) {
  std::string extensions;
  if (!name.empty()) {
    put(extensions, 0, 2);  // server_name, RFC 6066
    put(extensions, name.size() + 5, 2);
    put(extensions, name.size() + 3, 2);
    put(extensions, 0, 1);
    put(extensions, name.size(), 2);
    extensions += name;
  }
  std::string body = "\3\3" + std::string(32, '\0') + '\0';
  put(body, 2, 2);
  put(body, 0x1301, 2);
  put(body, 0x0100, 2);  // one method of compression: none
  put(body, extensions.size(), 2);
  body += extensions;
  std::string message = "\1";
  put(message, body.size(), 3);
  message += body;
  std::string record = "\x16\3\1";
  put(record, message.size(), 2);
  return record + message;
}

Endpoint direct(const ProbeSettings& settings) { return {settings.proxy.address, settings.direct_port}; }

// Of ports that are dialled at once, those that took the connection.
void find_open(const Ip& address, std::uint16_t from, std::uint16_t to, const Clock& clock,
               std::vector<std::uint16_t>& open) {
  std::vector<pollfd> waiting;
  std::vector<std::pair<UniqueFd, std::uint16_t>> dialled;
  for (std::uint32_t port = from; port <= to; ++port) {
    sockaddr_storage target{};
    const socklen_t size = address.to_sockaddr(static_cast<std::uint16_t>(port), target);
    UniqueFd fd(::socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) continue;
    const int failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), size);
    if (failed != 0 && errno != EINPROGRESS) continue;
    waiting.push_back({fd.get(), POLLOUT, 0});
    dialled.emplace_back(std::move(fd), static_cast<std::uint16_t>(port));
  }
  for (std::size_t left = waiting.size(); left > 0;) {
    if (::poll(waiting.data(), waiting.size(), clock.left()) <= 0) return;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error == 0) open.push_back(dialled[i].second);
      waiting[i].fd = -1;  // poll(2): looked at no more
      waiting[i].revents = 0;
      --left;
    }
  }
}

}  // namespace

std::string ask_for_look_alikes(const ProbeSettings& settings) {
  const std::string& name = settings.canary;
  std::string without_dot = name;
  std::replace(without_dot.begin(), without_dot.end(), '.', 'x');
  std::string first_dot = name;
  if (const auto dot = first_dot.find('.'); dot != std::string::npos) first_dot[dot] = '-';
  std::vector<std::string> authorities;
  for (const std::string& host :
       {"x" + name, name + "x", name + ".example", "x." + name, name + ".", "." + name, without_dot,
        first_dot, name + "@example", "example@" + name, name + "/", name + "%00", "*." + name}) {
    authorities.push_back(host + ":443");
  }
  for (const char* port : {"", ":0443", ":443x", ":4430", ":65979", ":4294967739", ":443:443"})
    authorities.push_back(name + port);
  return ask_for_all(settings, authorities, "403");
}

std::string ask_for_spellings(const ProbeSettings& settings) {
  const auto& octets = settings.outside.address.bytes;
  std::ostringstream hexadecimal;
  std::ostringstream octal;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const unsigned octet = octets[i];
    number = number << 8 | octet;
    hexadecimal << (i == 0 ? "" : ".") << std::hex << "0x" << octet;
    octal << (i == 0 ? "" : ".") << std::oct << "0" << octet;
  }
  const std::string plain = Ip::v4(number).to_string();
  std::vector<std::string> authorities;
  for (const std::string& host :
       {plain, plain + ".", hexadecimal.str(), octal.str(), std::to_string(number), "[::ffff:" + plain + "]",
        std::string("[2606:4700:4700::1111]"), std::string("127.0.0.1"), std::string("127.1"),
        std::string("0"), std::string("[::1]"), std::string("[::]"), settings.proxy.address.to_string(),
        settings.host.to_string()}) {
    authorities.push_back(host + ":443");
  }
  return ask_for_all(settings, authorities, "403");
}

std::string ask_ambiguously(const ProbeSettings& settings) {
  const std::string name = settings.canary + ":443";
  const std::string line = "CONNECT " + name + " HTTP/1.1\r\n";
  const std::vector<std::pair<const char*, std::string>> requests{
      {"two authorities", "CONNECT " + name + " not-" + name + " HTTP/1.1\r\n\r\n"},
      {"two hosts", line + "Host: " + name + "\r\nHost: not-" + name + "\r\n\r\n"},
      {"two lengths", line + "Content-Length: 0\r\nContent-Length: 4\r\n\r\n"},
      {"bare newlines", "CONNECT " + name + " HTTP/1.1\nHost: not-" + name + "\n\n"},
      {"a folded line", line + "X: y\r\n CONNECT not-" + name + " HTTP/1.1\r\n\r\n"}};
  for (const auto& [what, request] : requests) {
    const std::string got = ask_proxy(settings.proxy, request);
    if (got != "400" && got != "403") return std::string(what) + ": " + got;
  }
  return "refused";
}

std::string greet_directly(const ProbeSettings& settings, const std::string& name) {
  const Said said = converse(direct(settings), client_hello(name), 1);
  if (said.error != 0) return word(said.error);
  if (said.text.empty()) return "closed";
  return said.text.front() == tls_alert ? "alert" : "an answer";
}

std::string speak_plainly(const ProbeSettings& settings) {
  const Said said = converse(direct(settings), "GET / HTTP/1.1\r\nHost: " + settings.canary + "\r\n\r\n", 1);
  if (said.error != 0) return word(said.error);
  return said.text.empty() ? "closed" : "an answer";
}

std::string find_ports(const ProbeSettings& settings) {
  std::vector<std::uint16_t> open;
  for (std::uint32_t from = 1; from <= last_port; from += dials_at_once) {
    const std::uint32_t to = std::min<std::uint32_t>(from + dials_at_once - 1, last_port);
    find_open(settings.proxy.address, static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to),
              Clock(settings.silence), open);
  }
  std::sort(open.begin(), open.end());
  if (open == std::vector<std::uint16_t>{settings.direct_port, settings.proxy.port}) return "the two";
  std::string numbers;
  for (const std::uint16_t port : open) numbers += (numbers.empty() ? "" : " ") + std::to_string(port);
  return numbers.empty() ? "none" : numbers;
}

std::string find_powers(const std::string& status_file) {
  std::ifstream file(status_file);
  if (!file) return "unknown";
  std::vector<std::string> missing{
      "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Uid:"};
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string key;
    std::string value;
    fields >> key >> value;
    const auto known = std::find(missing.begin(), missing.end(), key);
    if (known == missing.end()) continue;
    missing.erase(known);
    const bool capabilities = key.compare(0, 3, "Cap") == 0;
    const bool sound = capabilities           ? value.find_first_not_of('0') == std::string::npos
                       : key == "NoNewPrivs:" ? value == "1"
                       : key == "Seccomp:"    ? value == "2"  // a filter
                                              : value != "0";
    if (!sound) return key + " " + value;
  }
  return missing.empty() ? "none" : "unknown";
}

std::string find_sockets(const std::string& root) {
  std::error_code error;
  std::size_t seen = 0;
  auto at = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (++seen > most_files) return "unknown";
    const std::string path = at->path().string();
    if (path == "/proc" || path == "/sys") at.disable_recursion_pending();
    std::error_code unreadable;
    if (fs::is_socket(at->symlink_status(unreadable))) return path;
  }
  return error ? "unknown" : "none";
}

std::string compare_proxy_variables(const ProbeSettings& settings) {
  const std::string proxy =
      "http://" + settings.proxy.address.to_string() + ":" + std::to_string(settings.proxy.port);
  const std::string loopback = "localhost,127.0.0.1,::1";
  const std::vector<std::pair<const char*, const std::string&>> planned{
      {"HTTPS_PROXY", proxy}, {"https_proxy", proxy}, {"HTTP_PROXY", proxy},  {"http_proxy", proxy},
      {"ALL_PROXY", proxy},   {"all_proxy", proxy},   {"NO_PROXY", loopback}, {"no_proxy", loopback}};
  for (const auto& [name, value] : planned) {
    const char* own = std::getenv(name);
    if (own == nullptr || own != value) return std::string(name) + "=" + (own == nullptr ? "" : own);
  }
  return "as planned";
}

}  // namespace drydock::guard
