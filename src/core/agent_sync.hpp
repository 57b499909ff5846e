// `drydock sync`: what a profile lists of the user's own settings of an agent, brought from the home folder
// into the prototype that sessions begin with. Never logins and conversations, whatever the list says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/agents.hpp"

namespace drydock::core {

struct SyncedFile {
  std::string path;  // below the home folder
  std::uint64_t size = 0;
};

// What a settings file that is taken runs, and sessions do not have: their home is another folder.
struct MissingProgram {
  std::string file;  // below the home folder
  std::string path;  // as the settings have it
};

struct SyncReport {
  std::string prototype;
  std::vector<SyncedFile> files;
  std::vector<std::string> absent;  // what the profile lists and the home folder has not
  std::vector<MissingProgram> missing;
};

// Replaces the prototype, whole and at once: who is killed meanwhile leaves the old one. A link is taken for
// the file that it leads to when that is on the list too. Throws Error(refused) for any other link and for
// what is neither file nor folder, Error(unsupported) when the profile lists nothing; the prototype is then
// as it was. With `dry_run` says the same and changes nothing.
SyncReport sync_agent(const AgentProfile& agent, const std::string& home, bool dry_run);

}  // namespace drydock::core
