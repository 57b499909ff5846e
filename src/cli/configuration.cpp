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
#include "base/obstacle.hpp"
#include "base/text.hpp"
#include "cli/command_line.hpp"
#include "cli/run_options.hpp"
#include "core/package_list.hpp"
#include "core/project.hpp"
#include "core/settings.hpp"

namespace drydock::cli {
namespace {

// What belongs to one run, or to the terminal it is typed on.
constexpr std::array of_one_run{"dry-run", "name", "detach", "interactive", "tty", "no-tty", "no-canary"};
constexpr const char* package_key = "package";       // core/package_list.hpp
constexpr const char* machine_key = "public-range";  // core/settings.hpp
constexpr std::size_t max_configuration_size = std::size_t{1} << 20;

[[noreturn]] void bad_line(const std::string& origin, const std::string& reason, const std::string& hint) {
  throw Error(ErrorKind::invalid, "cannot read configuration '" + printable(origin, 300) + "': " + reason,
              hint);
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

void Configuration::read(const std::string& path, bool required) {
  const auto content = read_file(path, max_configuration_size);
  if (!content) {
    const Obstacle& obstacle = content.error();
    if (!required && (obstacle.cause == ENOENT || obstacle.cause == ENOTDIR)) return;
    bad_line(path, obstacle.reason, obstacle.hint);
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
    if (key == "runtime" && value != "auto" && value != "podman" && value != "docker")
      bad_line(origin, "'" + printable(value, 80) + "' is no engine", "use auto, podman or docker");
    if (key == package_key) {
      if (const std::string wrong = core::wrong_package_name(value); !wrong.empty()) {
        bad_line(origin, "'" + printable(value, 80) + "' " + wrong,
                 "write one name of a Debian package, as in: package = build-essential");
      }
    }
    try {
      std::istringstream one(text + "\n");
      po::variables_map values;
      po::store(po::parse_config_file(one, options), values);
      po::notify(values);
    } catch (const po::error&) {
      bad_line(origin, "'" + key + "' cannot be '" + printable(value, 80) + "'", "see: drydock help run");
    }
    settings_.push_back({key, value, origin});
  }
}

void Configuration::read_or_note(const std::string& path, bool required) {
  const std::size_t before = settings_.size();
  files_.push_back({path, "settings", ::access(path.c_str(), F_OK) == 0 ? "read" : "absent"});
  try {
    read(path, required);
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

Configuration read_configuration(const std::string& directory, const std::string& file) {
  Configuration configuration;
  configuration.read_or_note(core::machine_config_path, false);
  if (!file.empty()) {
    configuration.read_or_note(file, true);
    return configuration;
  }
  configuration.read_or_note(user_configuration_path(), false);
  std::string key;
  try {
    key = core::resolve_project(directory).key;
  } catch (const Error&) {
    // It is no project, which is a run's to say.
    return configuration;
  }
  configuration.read_or_note(project_configuration_path(key), false);
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
    const std::string projects = config_directory() + "/projects";
    const Obstacle obstacle = obstacle_to(Access::list_folder, projects, error.value());
    throw Error(ErrorKind::permission, "cannot read folder '" + projects + "': " + obstacle.reason,
                obstacle.hint);
  }
  return lists;
}

void name_origins(const Configuration& configuration, const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    for (const Setting& setting : configuration.settings()) {
      const std::string message = error.what();
      if (message.find("'--" + setting.key + "'") == std::string::npos ||
          (!setting.value.empty() && message.find(printable(setting.value, 80)) == std::string::npos))
        continue;
      bad_line(setting.origin, message, error.hint());
    }
    throw;
  }
}

}  // namespace drydock::cli
