// What a session's home folder begins with so that its agent is at work at once: that its wizard was gone
// through, say, and that the project's folder is trusted, which the jail decides. Only what is absent is
// added to what `drydock sync`, the overlay and earlier sessions brought, and nothing of it is brought back.
//
// In the texts of a seed "{project}" is the project's path and "{secret_end}" the last 20 characters of its
// secret, which some agents know a key by. With "{secret}", all of it, the file is in memory, beside the
// secrets, and a link to it is in the home folder: no key is on a disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "core/agents.hpp"
#include "core/file_tree.hpp"
#include "core/secrets.hpp"

namespace drydock::core {

struct SeedFacts {
  std::string project;     // empty: there is none
  bool logged_in = false;  // by a login or a key
  const std::vector<Secret>& secrets;
};

// What is wrong with the content of a seed, or empty.
std::string fault_in_seed(const AgentSeed& seed, const Json& content);
bool is_in_memory(const AgentSeed& seed);

// Adds the seeds that are for this session to its home folder. A file that is not understood stays as it is.
// Throws Error(permission).
void sow(const std::vector<AgentSeed>& seeds, const SeedFacts& facts, int home,
         const std::optional<FileOwner>& owner);

// The files of seeds with a key in them, under names that no secret of the user's has.
std::vector<Secret> secrets_of_seeds(const std::vector<AgentSeed>& seeds, const SeedFacts& facts);

// Of a file that was opened with O_PATH: it leads to a secret, and is no login of the session's own.
bool is_link_to_secret(int file);

}  // namespace drydock::core
