#include "guard/config.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "policy/host_name.hpp"

namespace drydock::guard {
namespace {

constexpr std::uint64_t longest_ask = 3600;               // seconds
constexpr std::uint64_t latest_expiry = 253'402'300'799;  // the end of the year 9999

[[noreturn]] void fail(const std::string& reason) { throw ConfigError(reason); }

std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, 200)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return result + "'";
}

void check_keys(const Json& object, const std::string& where, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) fail(where + " is not an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail(where + " has an unknown key " + in_quotes(key));
    }
  }
}

const Json& required(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) fail(std::string("key '") + key + "' is missing");
  return *found;
}

std::string text(const Json& value, const std::string& where) {
  if (!value.is_string()) fail("key '" + where + "' is not text");
  return value.get<std::string>();
}

std::uint64_t number(const Json& value, const std::string& where, std::uint64_t limit) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit) {
    fail("key '" + where + "' is not a number up to " + std::to_string(limit));
  }
  return value.get<std::uint64_t>();
}

std::vector<std::string> texts(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (!found->is_array()) fail(std::string("key '") + key + "' is not a list");
  std::vector<std::string> values;
  for (const Json& value : *found) values.push_back(text(value, key));
  return values;
}

std::string host(const std::string& value, const std::string& where) {
  if (!policy::is_host_name(value))
    fail("key '" + where + "': " + in_quotes(value) + " is not a canonical host name");
  return value;
}

std::string session_id(const std::string& value) {
  if (value.size() > 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("key 'session': " + in_quotes(value) + " is not the id of a session");
  }
  return value;
}

IpRange range(const std::string& value, const std::string& where) {
  const auto parsed = IpRange::parse(value);
  if (!parsed) fail("key '" + where + "': " + in_quotes(value) + " is not a network in CIDR notation");
  return *parsed;
}

Endpoint endpoint(const Json& object, const char* key) {
  check_keys(object, std::string("key '") + key + "'", {"address", "port"});
  Endpoint result;
  const std::string address = text(required(object, "address"), "address");
  const auto parsed = Ip::parse(address);
  if (!parsed) fail(std::string("key '") + key + "': " + in_quotes(address) + " is not an address");
  result.address = *parsed;
  result.port = static_cast<std::uint16_t>(number(required(object, "port"), "port", 65535));
  return result;
}

Entries entries(const Json& list) {
  if (!list.is_array()) fail("key 'entries' is not a list");
  Entries result;
  for (const Json& value : list) {
    check_keys(value, "an entry", {"pattern", "source", "expires"});
    Entry entry{text(required(value, "pattern"), "pattern"), text(required(value, "source"), "source"), 0};
    if (value.contains("expires")) {
      entry.expires = static_cast<std::int64_t>(number(value["expires"], "expires", latest_expiry));
    }
    const std::string reason = result.add(std::move(entry));
    if (!reason.empty()) fail("key 'entries': " + reason);
  }
  return result;
}

}  // namespace

Config parse_config(std::string_view input) {
  const Json json = Json::parse(input, nullptr, false);
  if (json.is_discarded()) fail("it is not JSON");
  check_keys(json, "it",
             {"generation", "listen_port", "transparent", "proxy", "clients", "tinyproxy", "entries",
              "own_addresses", "public", "allow_private", "canary", "session", "project", "ask", "ends"});
  Config config;
  config.listen_port =
      static_cast<std::uint16_t>(number(required(json, "listen_port"), "listen_port", 65535));
  config.proxy = endpoint(required(json, "proxy"), "proxy");
  if (json.contains("transparent")) config.transparent = endpoint(json["transparent"], "transparent");
  config.clients = range(text(required(json, "clients"), "clients"), "clients");
  config.tinyproxy = texts(json, "tinyproxy");
  if (config.tinyproxy.empty()) fail("key 'tinyproxy' names no program");

  if (json.contains("project")) config.project = text(json["project"], "project");
  if (json.contains("ends"))
    config.ends = static_cast<std::int64_t>(number(json["ends"], "ends", latest_expiry));

  Rules& rules = config.rules;
  if (json.contains("generation"))
    rules.generation = number(json["generation"], "generation", ~std::uint64_t{0});
  rules.entries = entries(required(json, "entries"));
  for (const std::string& value : texts(json, "own_addresses")) {
    const auto ip = Ip::parse(value);
    if (!ip) fail("key 'own_addresses': " + in_quotes(value) + " is not an address");
    rules.floor.own.push_back(*ip);
  }
  for (const std::string& value : texts(json, "public")) {
    rules.floor.open.push_back(range(value, "public"));
  }
  for (const std::string& value : texts(json, "allow_private")) {
    rules.allow_private.insert(host(value, "allow_private"));
  }
  if (json.contains("canary")) rules.canary = host(text(json["canary"], "canary"), "canary");
  if (json.contains("ask")) rules.ask = std::chrono::seconds(number(json["ask"], "ask", longest_ask));
  if (json.contains("session")) rules.session = session_id(text(json["session"], "session"));
  return config;
}

Config read_config(const std::string& path) { return parse_config(read_file(path)); }

std::string read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    fail(std::string("it cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail("it is not a file");
  std::string content;
  std::array<char, 65536> block{};
  while (content.size() <= max_config_size) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(std::string("it cannot be read: ") + std::strerror(errno));
    if (count == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(count));
  }
  fail("it is too large");
}

bool same_frame(const Config& a, const Config& b) {
  return a.listen_port == b.listen_port && a.transparent == b.transparent && a.proxy == b.proxy &&
         a.clients == b.clients && a.tinyproxy == b.tinyproxy && a.ends == b.ends;
}

}  // namespace drydock::guard
