#include "cli/configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <system_error>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/input_file.hpp"
#include "base/text.hpp"
#include "cli/command_line.hpp"
#include "cli/run_options.hpp"
#include "core/detach_keys.hpp"
#include "core/package_list.hpp"
#include "core/project.hpp"
#include "core/selection.hpp"
#include "core/settings.hpp"

namespace drydock::cli {
namespace {

// What belongs to one run, or to the terminal it is typed on.
constexpr std::array of_one_run{"dry-run", "name", "detach", "interactive", "tty", "no-tty", "no-canary"};
constexpr const char* package_key = "package";       // core/package_list.hpp
constexpr const char* machine_key = "public-range";  // core/settings.hpp

[[noreturn]] void bad_line(const std::string& origin, const std::string& reason, const std::string& hint) {
  throw Error(ErrorKind::invalid, "cannot read configuration '" + printable(origin, 300) + "': " + reason,
              hint);
}

[[noreturn]] void bad_value(const std::string& key, const std::string& value, const std::string& origin,
                            const std::string& hint) {
  bad_line(origin, "'" + key + "' cannot be '" + printable(value, 80) + "'", hint);
}

void check_key(const std::string& key, const std::string& origin) {
  const auto keys = configurable_keys();
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return;
  const std::string shown = "'" + printable(key, 80) + "' ";
  if (key == "mode") {
    bad_line(origin, shown + "is not set in a file", "use drydock contain, drydock dood or drydock default");
  }
  if (std::find(of_one_run.begin(), of_one_run.end(), key) != of_one_run.end())
    bad_line(origin, shown + "is a matter of a single run", "give it on the command line");
  const std::string near = nearest(key, keys);
  bad_line(origin, shown + "is no key",
           near.empty() ? "use the long name of an option of drydock run" : "did you mean '" + near + "'?");
}

bool is_list(const po::option_description& option) { return option.semantic()->is_composing(); }

bool is_switch(const po::option_description& option) {
  return dynamic_cast<const po::typed_value<bool>*>(option.semantic().get()) != nullptr;
}

// Beyond what its option would take.
void check_value(const po::option_description& option, const std::string& value, const std::string& origin) {
  const std::string& key = option.long_name();
  const std::string shown = "'" + printable(value, 80) + "' ";
  if (is_switch(option) && value != "true" && value != "false")
    bad_value(key, value, origin, "write true or false");
  if (key == "runtime" && value != "auto" && value != "podman" && value != "docker")
    bad_line(origin, shown + "is no engine", "use auto, podman or docker");
  if (key == package_key) {
    if (const std::string wrong = core::wrong_package_name(value); !wrong.empty()) {
      bad_line(origin, shown + wrong, "write one name of a Debian package, as in: package = build-essential");
    }
  }
  if (value.empty()) return;
  if (key == "engine") {
    if (const std::string wrong = core::wrong_engine_url(value); !wrong.empty())
      bad_line(origin, shown + wrong, "write it as unix:///path/to/the/socket");
  }
  if (key == "workdir" && value.front() != '/')
    bad_line(origin, shown + "is not an absolute path", "write it as /absolute/path");
  if (key == "detach-keys") {
    try {
      core::DetachKeys::parse(value);
    } catch (const Error& error) {
      bad_line(origin, error.what(), error.hint());
    }
  }
}

}  // namespace

std::string user_configuration_path() { return config_directory() + "/config"; }

std::string project_configuration_path(const std::string& key) {
  return config_directory() + "/projects/" + key + "/config";
}

po::options_description configurable_options() {
  po::options_description all;
  declare_run_options(all);
  po::options_description chosen;
  const po::options_description global = global_options();
  for (const auto& option : global.options()) {
    if (option->long_name() == "runtime" || option->long_name() == "engine") chosen.add(option);
  }
  for (const auto& option : all.options()) {
    const std::string& name = option->long_name();
    const bool left =
        name == "mode" || std::find(of_one_run.begin(), of_one_run.end(), name) != of_one_run.end();
    if (!left) chosen.add(option);
  }
  chosen.add_options()(package_key, po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
                       "a package of Debian for the images of agents, which build makes; repeatable");
  return chosen;
}

std::vector<std::string> configurable_keys() {
  const po::options_description options = configurable_options();
  std::vector<std::string> keys;
  for (const auto& option : options.options()) keys.push_back(option->long_name());
  return keys;
}

void Configuration::read(const std::string& path, bool required, const StopSource* stop) {
  const auto content = read_input_file(path, stop);
  if (!content) {
    const bool absent = content.error().cause == ENOENT || content.error().cause == ENOTDIR;
    if (absent && !required) return;
    bad_line(path, content.error().reason,
             required ? "name a file that you may read"
                      : "put a file in its place that you may read, or remove it");
  }
  std::istringstream file(*content);
  const po::options_description options = configurable_options();
  std::string line;
  int number = 0;
  while (std::getline(file, line)) {
    ++number;
    const std::string origin = path + ":" + std::to_string(number);
    const std::string text(trim(std::string_view(line).substr(0, line.find('#'))));
    if (text.empty()) continue;
    const auto equals = text.find('=');
    if (text.front() == '[') bad_line(origin, "there are no sections", "write lines of key = value alone");
    if (equals == std::string::npos) bad_line(origin, "it is not key = value", "write it as: memory = 2g");
    const std::string key(trim(std::string_view(text).substr(0, equals)));
    const std::string value(trim(std::string_view(text).substr(equals + 1)));
    if (key == machine_key && path == core::machine_config_path) continue;
    check_key(key, origin);
    for (const Setting& other : settings_) {
      if (other.key == key && starts_with(other.origin, path + ":") && !is_list(options.find(key, false))) {
        bad_line(origin, "'" + key + "' is there already, in line " + other.origin.substr(path.size() + 1),
                 "leave one of them");
      }
    }
    check_value(options.find(key, false), value, origin);
    try {
      std::istringstream one(text + "\n");
      po::variables_map values;
      po::store(po::parse_config_file(one, options), values);
      po::notify(values);
    } catch (const po::error&) {
      bad_value(key, value, origin, "see: drydock help run");
    }
    settings_.push_back({key, value, origin});
  }
}

void Configuration::read_or_note(const std::string& path, bool required, const StopSource* stop) {
  const std::size_t before = settings_.size();
  files_.push_back({path, "settings", ::access(path.c_str(), F_OK) == 0 ? "read" : "absent"});
  try {
    read(path, required, stop);
  } catch (const Error& error) {
    settings_.resize(before);
    problems_.push_back(error);
    files_.back().state = "wrong";
  }
}

std::vector<Setting> Configuration::all(const std::string& key) const {
  std::vector<Setting> found;
  std::copy_if(settings_.begin(), settings_.end(), std::back_inserter(found),
               [&](const Setting& setting) { return setting.key == key; });
  return found;
}

std::string Configuration::value(const std::string& key) const {
  const auto found = std::find_if(settings_.rbegin(), settings_.rend(),
                                  [&](const Setting& setting) { return setting.key == key; });
  return found == settings_.rend() ? std::string{} : found->value;
}

std::string Configuration::origin(const std::string& key) const {
  const auto found = std::find_if(settings_.rbegin(), settings_.rend(),
                                  [&](const Setting& setting) { return setting.key == key; });
  return found == settings_.rend() ? std::string{} : found->origin;
}

void Configuration::merge_into(po::variables_map& values, const po::options_description& options) const {
  // The map gives its values to be read only; its base does not.
  auto& map = static_cast<std::map<std::string, po::variable_value>&>(values);
  std::map<std::string, std::vector<std::string>> lists;
  for (const Setting& setting : settings_) {
    const po::option_description* option = options.find_nothrow(setting.key, false);
    if (option == nullptr) continue;
    if (is_list(*option)) {
      lists[setting.key].push_back(setting.value);
      continue;
    }
    const auto given = map.find(setting.key);
    const bool from_file = origin(setting.key) == setting.origin;
    if (!from_file || (given != map.end() && !given->second.empty() && !given->second.defaulted())) continue;
    boost::any value;
    option->semantic()->parse(value, {setting.value}, false);
    map[setting.key] = po::variable_value(value, false);
  }
  for (auto& [key, list] : lists) {
    const auto given = map.find(key);
    if (given != map.end() && !given->second.empty()) {
      const auto& own = given->second.as<std::vector<std::string>>();
      list.insert(list.end(), own.begin(), own.end());
    }
    map[key] = po::variable_value(boost::any(list), false);
  }
}

Configuration read_configuration(const std::string& directory, const std::string& file,
                                 const StopSource* stop) {
  Configuration configuration;
  configuration.read_or_note(core::machine_config_path, false, stop);
  if (!file.empty()) {
    configuration.read_or_note(file, true, stop);
    return configuration;
  }
  configuration.read_or_note(user_configuration_path(), false, stop);
  std::string key;
  try {
    key = core::resolve_project(directory).key;
  } catch (const Error&) {
    // It is no project, which is a run's to say.
    return configuration;
  }
  configuration.read_or_note(project_configuration_path(key), false, stop);
  return configuration;
}

namespace {

std::vector<std::string> packages_of(const Configuration& configuration) {
  std::vector<std::string> names;
  for (const Setting& setting : configuration.all(package_key)) names.push_back(setting.value);
  return core::as_package_list(names);
}

// The files' values, and those of the option where the command has it: merge_into() puts the files' first.
std::vector<core::Given> given(const Invocation& invocation, const std::string& key) {
  std::vector<core::Given> values;
  if (invocation.configuration != nullptr) {
    for (const Setting& setting : invocation.configuration->all(key))
      values.push_back({setting.value, setting.origin});
  }
  const std::vector<std::string> merged = invocation.list(key);
  for (std::size_t i = values.size(); i < merged.size(); ++i) values.push_back({merged[i]});
  return values;
}

}  // namespace

core::AllowlistRequest read_allowlist_request(const Invocation& invocation) {
  return {given(invocation, "allow-file"), given(invocation, "allow"), given(invocation, "allow-private")};
}

std::vector<std::string> configured_packages(const Invocation& invocation) {
  return invocation.configuration == nullptr ? std::vector<std::string>{}
                                             : packages_of(*invocation.configuration);
}

std::vector<std::vector<std::string>> every_package_list() {
  namespace fs = std::filesystem;
  Configuration common;
  common.read(core::machine_config_path, false);
  common.read(user_configuration_path(), false);
  std::vector<std::vector<std::string>> lists{packages_of(common)};
  std::error_code error;
  fs::directory_iterator entry(config_directory() + "/projects", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    Configuration project = common;
    project.read(project_configuration_path(entry->path().filename().string()), false);
    lists.push_back(packages_of(project));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw Error(ErrorKind::permission,
                "cannot read folder '" + config_directory() + "/projects': " + error.message());
  }
  return lists;
}

namespace {

// How an error begins that judges such a value without naming the option, and how much of the value it shows.
struct JudgedLater {
  const char* key;
  std::string_view words;
  std::size_t shown;
};
constexpr std::array<JudgedLater, 7> judged_later{{{"agent", "cannot use agent '", 80},
                                                   {"engine", "cannot use engine '", 200},
                                                   {"allow-file", "cannot read allowlist '", 4096},
                                                   {"env-file", "cannot read environment file '", 200},
                                                   {"secret", "cannot pass secret '", 80},
                                                   {"mount", "cannot mount '", 300},
                                                   {"mask", "cannot mask '", 300}}};

// The names under which an error may show a value.
std::vector<std::string> names_of(const Setting& setting) {
  std::vector<std::string> names{setting.value};
  if (setting.key == "secret") names.push_back(setting.value.substr(0, setting.value.find('=')));
  const std::vector<std::string> parts = split(setting.value, ':');
  if (setting.key == "mount" && parts.size() > 1)
    names.insert(names.end(), {parts[0], parts[0] + "' at '" + parts[1]});
  return names;
}

bool is_about(const std::string& message, const Setting& setting) {
  // The value of a switch is not told.
  if (message.find("'--" + setting.key + "'") != std::string::npos &&
      (setting.value == "true" || message.find(printable(setting.value, 80)) != std::string::npos))
    return true;
  for (const JudgedLater& judged : judged_later) {
    if (setting.key != judged.key || !starts_with(message, judged.words)) continue;
    const std::string rest = message.substr(judged.words.size());
    for (const std::string& name : names_of(setting)) {
      if (starts_with(rest, printable(name, judged.shown) + "': ")) return true;
    }
  }
  return false;
}

}  // namespace

void name_origins(const Configuration& configuration, const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    const po::options_description options = configurable_options();
    for (const Setting& setting : configuration.settings()) {
      const bool holds =
          is_list(options.find(setting.key, false)) || configuration.origin(setting.key) == setting.origin;
      if (holds && is_about(error.what(), setting)) bad_line(setting.origin, error.what(), error.hint());
    }
    throw;
  }
}

}  // namespace drydock::cli
