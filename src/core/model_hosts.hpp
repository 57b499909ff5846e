// Where an agent's model is by its own settings, as far as its profile says how they name it: the files are
// those that a session's home folder begins with, synced ones, the overlay's and kept logins.
#pragma once

#include <map>
#include <optional>
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

// Where a switch puts it that is on.
struct SwitchedModel {
  std::string variable;
  std::string file = {};   // of the agent's own settings, below the home folder, when they set it
  std::string host = {};   // as ModelHost; empty where none can be told
  std::string fault = {};  // as there
};

// The first switch of the profile that is on, by the session's variables and those that the agent's own
// settings in `home` put over them; nothing of `home` when it is empty.
std::optional<SwitchedModel> switched_model(const AgentProfile& agent,
                                            const std::map<std::string, std::string>& environment,
                                            const std::string& home);

// What a switch's host is in a place: a region, or the name of a resource.
inline constexpr const char* place_word = "{place}";
std::string host_at(const ModelSwitch& found, const std::string& place);

}  // namespace drydock::core
