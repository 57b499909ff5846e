#include "core/agent_profile_reader.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/allowlist.hpp"
#include "core/host_pattern.hpp"
#include "core/image_archive.hpp"
#include "core/model_hosts.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view first, const std::string& others) {
  return !text.empty() && first.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(std::string(first) + others) == std::string_view::npos;
}

std::string replaced(std::string text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
  return text;
}

// As npm and as Rust's triples name this machine's architecture.
std::string with_architecture(const std::string& text) {
  const std::string machine = image_architecture();
  const bool intel = machine == "amd64";
  const bool arm = machine == "arm64";
  return replaced(replaced(text, "{arch}", intel ? "x64" : machine), "{machine}",
                  intel ? "x86_64" : (arm ? "aarch64" : machine));
}

bool leaves_its_place(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  return path.empty() || path.front() == '/' || std::any_of(parts.begin(), parts.end(), [](const auto& part) {
           return part.empty() || part == "." || part == "..";
         });
}

}  // namespace

AgentProfileReader::AgentProfileReader(std::string_view text, std::string origin,
                                       std::function<std::string(const std::string&)> read_source)
    : origin_(std::move(origin)), read_source_(std::move(read_source)) {
  try {
    json_ = parse_json(text, "agent profile");
  } catch (const Error& error) {
    throw Error(ErrorKind::invalid,
                "cannot read agent profile '" + printable(origin_, 300) + "': " + error.what(),
                "correct or remove it");
  }
}

void AgentProfileReader::fail(const std::string& key, const std::string& reason,
                              const std::string& hint) const {
  throw Error(ErrorKind::invalid,
              "cannot read agent profile '" + printable(origin_, 300) + "': " + printable(key, 100) + ": " +
                  printable(reason, 500),
              hint.empty() ? "correct or remove it" : hint);
}

void AgentProfileReader::require_keys(const Json& object, const std::string& where,
                                      const std::vector<std::string>& known) const {
  if (!object.is_object()) fail(where, "it is no object");
  for (const auto& member : object.items()) {
    if (std::find(known.begin(), known.end(), member.key()) != known.end()) continue;
    const std::string near = nearest(member.key(), known);
    fail(where, "there is no key '" + member.key() + "'", near.empty() ? "" : "did you mean '" + near + "'?");
  }
}

std::string AgentProfileReader::text(const Json& object, const std::string& where, const std::string& key,
                                     bool required) const {
  const Json* member = find_member(object, key);
  const std::string place = where.empty() ? key : where + "." + key;
  if (member == nullptr) {
    if (required) fail(place, "it is missing");
    return {};
  }
  if (!member->is_string() || (required && member->get<std::string>().empty()))
    fail(place, "it is no text, or an empty one");
  const auto value = member->get<std::string>();
  if (value.find('\0') != std::string::npos) fail(place, "it holds a NUL");
  return value;
}

std::vector<std::string> AgentProfileReader::texts(const Json& object, const std::string& where,
                                                   const std::string& key) const {
  std::vector<std::string> values;
  const Json* member = find_member(object, key);
  if (member == nullptr) return values;
  const std::string place = where.empty() ? key : where + "." + key;
  if (!member->is_array()) fail(place, "it is no list");
  for (const Json& value : *member) {
    if (!value.is_string() || value.get<std::string>().empty())
      fail(place, "it holds something that is no text");
    values.push_back(value.get<std::string>());
  }
  return values;
}

std::map<std::string, std::string> AgentProfileReader::pairs(const Json& object, const std::string& where,
                                                             const std::string& key) const {
  std::map<std::string, std::string> values;
  const Json* member = find_member(object, key);
  if (member == nullptr) return values;
  const std::string place = where.empty() ? key : where + "." + key;
  if (!member->is_object()) fail(place, "it is no object");
  for (const auto& value : member->items()) {
    if (!value.value().is_string()) fail(place + "." + value.key(), "it is no text");
    values[value.key()] = value.value().get<std::string>();
  }
  return values;
}

bool AgentProfileReader::flag(const Json& object, const std::string& where, const std::string& key) const {
  const Json* member = find_member(object, key);
  if (member == nullptr) return false;
  if (!member->is_boolean()) fail(where + "." + key, "it is neither true nor false");
  return member->get<bool>();
}

void AgentProfileReader::each(
    const std::string& key,
    const std::function<void(const Json& object, const std::string& where)>& use) const {
  const Json* member = find_member(json_, key);
  if (member == nullptr) return;
  if (!member->is_array()) fail(key, "it is no list");
  for (std::size_t i = 0; i < member->size(); ++i) {
    const std::string where = key + "[" + std::to_string(i) + "]";
    if (!(*member)[i].is_object()) fail(where, "it is no object");
    use((*member)[i], where);
  }
}

void AgentProfileReader::require_relative(const std::string& path, const std::string& where) const {
  if (leaves_its_place(path)) fail(where, "'" + path + "' is no path below it: no '..', no '/' at its start");
}

std::vector<std::string> AgentProfileReader::relative_paths(const Json& object, const std::string& where,
                                                            const std::string& key) const {
  std::vector<std::string> paths = texts(object, where, key);
  for (std::string& path : paths) {
    path = with_architecture(path);
    require_relative(path, where.empty() ? key : where + "." + key);
  }
  return paths;
}

void AgentProfileReader::require_variable(const std::string& name, const std::string& where) const {
  constexpr std::array<std::string_view, 9> drydocks_own{"HOME",       "HTTPS_PROXY", "https_proxy",
                                                         "HTTP_PROXY", "http_proxy",  "ALL_PROXY",
                                                         "all_proxy",  "NO_PROXY",    "no_proxy"};
  if (!made_of(name, std::string(letters.substr(0, 52)) + "_", "0123456789"))
    fail(where, "'" + name + "' is no name of a variable");
  if (std::find(drydocks_own.begin(), drydocks_own.end(), name) != drydocks_own.end() ||
      starts_with(name, "DRYDOCK"))
    fail(where, "'" + name + "' is set by drydock");
}

void AgentProfileReader::read_baseline() {
  each("baseline", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"host", "reason"});
    const BaselineHost host{text(object, where, "host", true), text(object, where, "reason", true)};
    if (host.host.front() == '@') fail(where + ".host", "no group is in a baseline", "name the hosts");
    try {
      parse_allowlist_entry(host.host, "baseline");
    } catch (const Error& error) {
      fail(where + ".host", error.what());
    }
    profile_.baseline.push_back(host);
  });
}

void AgentProfileReader::read_variables() {
  profile_.environment = pairs(json_, "", "environment");
  profile_.telemetry_off = pairs(json_, "", "telemetry_off");
  profile_.pass = texts(json_, "", "pass");
  profile_.endpoints = texts(json_, "", "endpoints");
  for (const auto& [name, value] : profile_.environment) require_variable(name, "environment");
  for (const auto& [name, value] : profile_.telemetry_off) require_variable(name, "telemetry_off");
  for (const std::string& name : profile_.pass) require_variable(name, "pass");
  for (const std::string& name : profile_.endpoints) require_variable(name, "endpoints");
  each("secrets", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"name", "environment", "prefix", "obtain", "revoke", "host"});
    const AgentSecret secret{text(object, where, "name", true),    flag(object, where, "environment"),
                             text(object, where, "prefix", false), text(object, where, "obtain", false),
                             text(object, where, "revoke", false), text(object, where, "host", false)};
    require_variable(secret.name, where + ".name");
    if (!secret.revoke.empty() && !starts_with(secret.revoke, "https://"))
      fail(where + ".revoke", "'" + secret.revoke + "' is no https:// address");
    if (!secret.host.empty()) require_exact_host(secret.host, where + ".host");
    profile_.secrets.push_back(secret);
  });
}

void AgentProfileReader::read_npm() {
  each("npm", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"package", "version", "variant", "paths", "commands"});
    NpmPackage package;
    package.package = with_architecture(text(object, where, "package", true));
    const bool scoped = package.package.front() == '@';
    const std::string bare = scoped ? package.package.substr(1) : package.package;
    const auto slashes = std::count(bare.begin(), bare.end(), '/');
    if (!made_of(bare, lower, "-._/") || slashes != (scoped ? 1 : 0) ||
        bare.find("..") != std::string::npos || bare.back() == '/')
      fail(where + ".package", "'" + package.package + "' is no name of a package");
    if (const std::string version = text(object, where, "version", false); !version.empty())
      package.version = version;
    package.variant = with_architecture(text(object, where, "variant", false));
    for (const std::string& part : {package.version, package.variant}) {
      if (part.find_first_not_of(std::string(letters) + "-.+_") != std::string::npos)
        fail(where + ".version", "'" + part + "' is no version");
    }
    package.paths = relative_paths(object, where, "paths");
    for (const auto& [name, file] : pairs(object, where, "commands")) {
      if (!made_of(name, letters, "-._")) fail(where + ".commands", "'" + name + "' is no name of a command");
      const std::string path = with_architecture(file);
      require_relative(path, where + ".commands");
      package.commands[name] = path;
    }
    profile_.npm.push_back(std::move(package));
  });
  profile_.packages = texts(json_, "", "packages");
  for (const std::string& name : profile_.packages) {
    if (!made_of(name, lower, "-.+")) fail("packages", "'" + name + "' is no name of a Debian package");
  }
  profile_.programs = texts(json_, "", "programs");
  for (const std::string& name : profile_.programs) {
    if (!made_of(name, letters, "-._+")) fail("programs", "'" + name + "' is no name of a program");
  }
}

void AgentProfileReader::read_files() {
  each("files", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"path", "source", "executable"});
    AgentFile file;
    file.path = text(object, where, "path", true);
    const bool in_place = starts_with(file.path, "/etc/") || starts_with(file.path, "/opt/") ||
                          starts_with(file.path, "/usr/local/");
    if (!in_place || leaves_its_place(file.path.substr(1)))
      fail(where + ".path", "it is not below /etc, /opt or /usr/local");
    file.executable = flag(object, where, "executable");
    const std::string source = text(object, where, "source", true);
    require_relative(source, where + ".source");
    try {
      file.text = read_source_(source);
    } catch (const Error& error) {
      fail(where + ".source", error.what());
    }
    profile_.files.push_back(std::move(file));
  });
}

void AgentProfileReader::require_exact_host(const std::string& host, const std::string& where) const {
  const auto pattern = parse_host_pattern(host);
  if (!pattern || pattern->kind != HostPattern::Kind::exact) fail(where, "'" + host + "' is no host");
}

void AgentProfileReader::require_in_state(const std::string& path, const std::string& where) const {
  const bool covered = std::any_of(profile_.state.begin(), profile_.state.end(), [&](const StatePath& state) {
    return path == state.path || (state.folder && starts_with(path, state.path + "/"));
  });
  if (!covered) fail(where, "'" + path + "' is not in a path of 'state'");
}

void AgentProfileReader::read_state() {
  each("state", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"path", "kind"});
    StatePath state{text(object, where, "path", true), true};
    require_relative(state.path, where + ".path");
    const std::string kind = text(object, where, "kind", true);
    if (kind != "folder" && kind != "file") fail(where + ".kind", "it is neither 'folder' nor 'file'");
    state.folder = kind == "folder";
    for (const StatePath& other : profile_.state) {
      if (other.path == state.path || starts_with(state.path, other.path + "/") ||
          starts_with(other.path, state.path + "/"))
        fail(where + ".path", "it lies in, or holds, '" + other.path + "'");
    }
    profile_.state.push_back(std::move(state));
  });
  const auto inside = [&](const char* key) {
    std::vector<std::string> paths = relative_paths(json_, "", key);
    for (const std::string& path : paths) require_in_state(path, key);
    return paths;
  };
  profile_.transcripts = inside("transcripts");
  profile_.whole = inside("whole");
  for (const std::string& path : profile_.whole) {
    if (std::find(profile_.transcripts.begin(), profile_.transcripts.end(), path) !=
        profile_.transcripts.end())
      fail("whole", "'" + path + "' is in 'transcripts' as well");
  }
  profile_.login = inside("login");
  profile_.sync = inside("sync");
}

// Places in files of the agent's settings: "provider.*.url".
void AgentProfileReader::read_models() {
  const auto place = [&](const Json& object, const std::string& where, const char* key) {
    const std::string written = text(object, where, key, false);
    std::vector<std::string> keys = written.empty() ? std::vector<std::string>{} : split(written, '.');
    if (std::find(keys.begin(), keys.end(), "") != keys.end())
      fail(where + "." + key, "'" + written + "' is no place: a key is empty");
    return keys;
  };
  each("models", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"file", "chosen", "url", "hosts", "environment"});
    ModelSetting setting{text(object, where, "file", true), place(object, where, "chosen"),
                         place(object, where, "url"), pairs(object, where, "hosts"),
                         place(object, where, "environment")};
    require_relative(setting.file, where + ".file");
    require_in_state(setting.file, where + ".file");
    const auto stars = std::count(setting.url.begin(), setting.url.end(), "*");
    if (stars > 1) fail(where + ".url", "it has more than one '*'");
    if (std::find(setting.chosen.begin(), setting.chosen.end(), "*") != setting.chosen.end())
      fail(where + ".chosen", "it has a '*'");
    if (setting.url.empty() && setting.hosts.empty() && setting.environment.empty())
      fail(where, "it has neither 'url' nor 'hosts'");
    if (stars == 0 && !setting.url.empty() && !(setting.chosen.empty() && setting.hosts.empty()))
      fail(where + ".url", "it has no '*', and so no provider is chosen by it");
    if (std::find(setting.environment.begin(), setting.environment.end(), "*") != setting.environment.end())
      fail(where + ".environment", "it has a '*'");
    for (const auto& [name, host] : setting.hosts) require_exact_host(host, where + ".hosts." + name);
    profile_.models.push_back(std::move(setting));
  });
}

void AgentProfileReader::read_switches() {
  each("switches", [&](const Json& object, const std::string& where) {
    require_keys(object, where, {"variable", "address", "place", "default", "host", "hosts"});
    ModelSwitch found{text(object, where, "variable", true), text(object, where, "address", false),
                      texts(object, where, "place"),         text(object, where, "default", false),
                      text(object, where, "host", true),     pairs(object, where, "hosts")};
    require_variable(found.variable, where + ".variable");
    if (!found.address.empty()) require_variable(found.address, where + ".address");
    for (const std::string& name : found.place) require_variable(name, where + ".place");
    const bool has_place = found.host.find(place_word) != std::string::npos;
    if (has_place == (found.place.empty() && found.default_place.empty()))
      fail(where + ".host", has_place ? "no variable of 'place' says where" : "it has no '{place}'");
    require_exact_host(host_at(found, "x"), where + ".host");
    if (!found.default_place.empty())
      require_exact_host(host_at(found, found.default_place), where + ".default");
    for (const auto& [name, host] : found.hosts) require_exact_host(host, where + ".hosts." + name);
    profile_.switches.push_back(std::move(found));
  });
}

AgentProfile AgentProfileReader::read() {
  require_keys(
      json_, "profile",
      {"schema",        "name",  "summary", "command", "login_hint", "baseline", "endpoints", "environment",
       "telemetry_off", "pass",  "secrets", "npm",     "packages",   "programs", "files",     "state",
       "transcripts",   "whole", "login",   "sync",    "models",     "switches"});
  const Json* schema = find_member(json_, "schema");
  if (schema == nullptr || *schema != 1) fail("schema", "it is not 1, the one that this drydock knows");
  profile_.origin = origin_;
  profile_.name = text(json_, "", "name", true);
  if (!made_of(profile_.name, lower, "-") || profile_.name.size() > 32)
    fail("name", "it is not made of up to 32 lower-case letters, digits and '-'");
  profile_.summary = text(json_, "", "summary", true);
  profile_.login_hint = text(json_, "", "login_hint", false);
  profile_.command = texts(json_, "", "command");
  if (profile_.command.empty()) fail("command", "it is missing");
  read_baseline();
  read_variables();
  read_npm();
  read_files();
  read_state();
  read_models();
  read_switches();
  return profile_;
}

}  // namespace drydock::core
