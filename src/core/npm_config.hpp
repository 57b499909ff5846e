// Which registries the user's npm is set up with. npm is asked where it is installed, outside any project;
// what it does not tell, for there is a password in it, and all of it without npm, is read from where npm
// has it: the environment (npm_config_*), the user's file, the machine's file, in this order.
// Source: https://docs.npmjs.com/cli/v11/using-npm/config
#pragma once

#include <map>
#include <string>

namespace drydock {
class StopSource;
}

namespace drydock::core {

struct NpmRegistries {
  std::string usual;                             // empty when nothing names one
  std::map<std::string, std::string> of_scopes;  // "@acme" to its registry
};

// Addresses as they are set up, passwords included: for words take without_credentials(). Throws what
// run_checked() throws when npm fails.
NpmRegistries npm_registries(const StopSource* stop = nullptr);

}  // namespace drydock::core
