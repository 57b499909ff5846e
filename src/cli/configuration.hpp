// Configuration files: "key = value" lines, '#' comments, the keys being long names of options. Nothing in a
// project is one (INV-10).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "core/doctor.hpp"
#include "core/effective_allowlist.hpp"

namespace drydock::cli {

struct Setting {
  std::string key;
  std::string value;
  std::string origin;  // "FILE:LINE"
};

// What files say, by rising precedence: /etc, user, project; within a file in the order of its lines.
class Configuration {
 public:
  // Throws Error(invalid) "cannot read configuration '<file>:<line>': <reason>". An absent file says nothing,
  // unless it is `required`. Waits for the end of a shell's pipe, or for `stop`, which may be null.
  void read(const std::string& path, bool required, const StopSource* stop = nullptr);

  // The same, but what would be thrown becomes one of problems(); the file says nothing then.
  void read_or_note(const std::string& path, bool required, const StopSource* stop);

  const std::vector<Setting>& settings() const { return settings_; }
  const std::vector<Error>& problems() const { return problems_; }
  // Those that read_or_note() looked for.
  const std::vector<core::ConfigurationFile>& files() const { return files_; }
  // The settings of one key, by rising precedence.
  std::vector<Setting> all(const std::string& key) const;
  // The value that holds, of a key that is no list; empty when no file has it.
  std::string value(const std::string& key) const;
  // Where it comes from; empty when no file has it.
  std::string origin(const std::string& key) const;
  // Puts the values under those that the command line gave: one that is there stays, lists come before.
  // `options` are the command's; keys that it does not have say nothing to it.
  void merge_into(po::variables_map& values, const po::options_description& options) const;

 private:
  std::vector<Setting> settings_;
  std::vector<Error> problems_;
  std::vector<core::ConfigurationFile> files_;
};

// The options that a file may set, in the order of the help; their descriptions too.
po::options_description configurable_options();
// The same by name.
std::vector<std::string> configurable_keys();

std::string user_configuration_path();
std::string project_configuration_path(const std::string& key);

// The files that hold in `directory`: those of the machine, of the user and of the project there, or the
// machine's and `file`, the value of --config, when that is not empty. What is wrong is in problems().
Configuration read_configuration(const std::string& directory, const std::string& file,
                                 const StopSource* stop = nullptr);

// What files and options add to the allowlist; of options those that are declared, after the files'.
core::AllowlistRequest read_allowlist_request(const Invocation& invocation);

// What the files say under `package`, core/package_list.hpp.
std::vector<std::string> configured_packages(const Invocation& invocation);

// The list of each project that has files, and that of all others.
std::vector<std::vector<std::string>> every_package_list();

// Does what `read` does of an invocation. An error about a value that a file has set names the file and the
// line, and is none of usage.
void name_origins(const Configuration& configuration, const std::function<void()>& read);

}  // namespace drydock::cli
