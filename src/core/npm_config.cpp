#include "core/npm_config.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

using Settings = std::map<std::string, std::string>;

// What some distributions' npm has for the machine.
constexpr const char* usual_machine_file = "/etc/npmrc";
constexpr std::string_view scope_ending = ":registry";

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// "${NAME}" is a variable's value; "${NAME?}" nothing, and "${NAME}" itself, when there is none.
std::string with_variables(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto begin = text.find("${");
    const auto end = begin == std::string_view::npos ? begin : text.find('}', begin);
    if (end == std::string_view::npos) break;
    std::string name(text.substr(begin + 2, end - begin - 2));
    const bool optional = ends_with(name, "?");
    if (optional) name.pop_back();
    const bool escaped = begin > 0 && text[begin - 1] == '\\';
    result += text.substr(0, escaped ? begin - 1 : begin);
    const bool known = !escaped && std::getenv(name.c_str()) != nullptr;
    if (known) {
      result += variable(name);
    } else if (escaped || !optional) {
      result += text.substr(begin, end + 1 - begin);
    }
    text.remove_prefix(end + 1);
  }
  return result + std::string(text);
}

// A whole value in quotes is what is in them; another ends where a comment begins.
std::string plain_value(std::string_view text) {
  const bool quoted =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  if (quoted) return std::string(text.substr(1, text.size() - 2));
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ';' || text[i] == '#') break;
    if (text[i] == '\\' && i + 1 < text.size() &&
        std::string_view(";#\\").find(text[i + 1]) != std::string_view::npos)
      ++i;
    value += text[i];
  }
  return std::string(trim(value));
}

// "key = value" lines up to the first section, of which npm takes nothing; of two with one key the last.
Settings settings_in(const std::string& path) {
  std::ifstream file(path);
  Settings found;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = trim(line);
    if (starts_with(text, "[") && ends_with(text, "]")) break;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || starts_with(text, ";") || starts_with(text, "#")) continue;
    found[with_variables(plain_value(trim(text.substr(0, equals))))] =
        with_variables(plain_value(trim(text.substr(equals + 1))));
  }
  return found;
}

// npm_config_user_agent is "user-agent", in upper case too, and the lower case one counts before it.
Settings settings_of_environment() {
  constexpr std::string_view beginning = "npm_config_";
  Settings found;
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
  std::stable_partition(entries.begin(), entries.end(),
                        [&](const std::string& entry) { return starts_with(entry, beginning); });
  for (const std::string& entry : entries) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals + 1 == entry.size()) continue;
    std::string key = to_lower_ascii(entry.substr(0, equals));
    if (!starts_with(key, beginning)) continue;
    key.erase(0, beginning.size());
    if (!key.empty()) std::replace(key.begin() + 1, key.end(), '_', '-');
    found.emplace(key, with_variables(entry.substr(equals + 1)));
  }
  return found;
}

// A relative one is none of the folder that we are in: nothing in a project says where npm's files are.
std::string absolute(const std::string& path) {
  if (starts_with(path, "~/")) return home_directory() + path.substr(1);
  return starts_with(path, "/") ? path : "/" + path;
}

std::string value_of(const Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

std::string program(const std::string& name) {
  try {
    return find_program(name);
  } catch (const Error&) {
    return {};
  }
}

// Where npm would have its own things, when it is not there to say so: beside node.
std::string prefix(const Settings& environment, const Settings& user) {
  for (const std::string& named :
       {value_of(environment, "prefix"), value_of(user, "prefix"), variable("PREFIX")}) {
    if (!named.empty()) return absolute(named);
  }
  const std::string node = program("node");
  if (node.empty()) return {};
  std::error_code error;
  return fs::canonical(node, error).parent_path().parent_path().string();
}

// What npm says of itself, by key. Nothing in a project counts: it is asked as for the whole machine
// (INV-10). It leaves no log, no folder for one and no note of a new version in the user's home.
Settings told_by_npm(const StopSource* stop) {
  ProcessOptions options;
  options.stop = stop;
  const TempDir cache;
  std::vector<std::string> command{"npm", "-g", "config", "list", "--json"};
  command.insert(command.end(), {"--logs-max=0", "--no-update-notifier", "--cache=" + cache.path()});
  const Json answer = parse_json(run_checked(command, options).output, "npm's answer");
  Settings told;
  if (!answer.is_object()) return told;
  for (const auto& [key, value] : answer.items()) {
    if (value.is_string()) told[key] = value.get<std::string>();
  }
  return told;
}

}  // namespace

NpmRegistries npm_registries(const StopSource* stop) {
  const Settings told = program("npm").empty() ? Settings{} : told_by_npm(stop);
  const Settings environment = settings_of_environment();
  const auto file = [](const std::string& named, const std::string& usual) {
    return named.empty() ? usual : absolute(named);
  };
  const std::string user_file =
      file(told.empty() ? value_of(environment, "userconfig") : value_of(told, "userconfig"),
           home_directory() + "/.npmrc");
  const Settings user = settings_in(user_file);
  std::string machine_file = value_of(told, "globalconfig");
  if (told.empty()) {
    machine_file = value_of(environment, "globalconfig");
    if (machine_file.empty()) machine_file = value_of(user, "globalconfig");
    const std::string own = machine_file.empty() ? prefix(environment, user) : "";
    if (!own.empty()) machine_file = own + "/etc/npmrc";
  }
  std::vector<Settings> layers{told, environment, user, settings_in(file(machine_file, usual_machine_file))};
  if (told.empty()) layers.push_back(settings_in(usual_machine_file));

  NpmRegistries registries;
  for (const Settings& layer : layers) {
    if (registries.usual.empty()) registries.usual = value_of(layer, "registry");
    for (const auto& [key, value] : layer) {
      if (starts_with(key, "@") && ends_with(key, scope_ending) && !value.empty())
        registries.of_scopes.emplace(key.substr(0, key.size() - scope_ending.size()), value);
    }
  }
  return registries;
}

}  // namespace drydock::core
