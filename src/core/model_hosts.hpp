// Where an agent's model is by its own settings, as far as its profile says how they name it: the files are
// those that a session's home folder begins with, synced ones, the overlay's and kept logins.
#pragma once

#include <string>
#include <vector>

#include "core/agents.hpp"

namespace drydock::core {

struct ModelHost {
  std::string file;           // below the home folder
  std::string provider = {};  // as it is named there; may be empty
  std::string host = {};      // as an allowlist has it; empty where no session reaches it
  std::string fault = {};     // why not: a lower-case clause
  bool by_address = false;    // the file has its address
};

// Each once. Of several providers the one that the settings choose; all of them where they choose none. A
// file that is not there, or that is not understood, says nothing.
std::vector<ModelHost> model_hosts(const std::vector<ModelSetting>& settings, const std::string& home);

}  // namespace drydock::core
