// What a key of `drydock egress watch` changes: the live session, and then a file, if it is one that asks for
// that.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/allowlist.hpp"
#include "core/decision_board.hpp"

namespace drydock::core {

struct AllowWays {
  // In the live session. Throws Error when the session is as it was before.
  std::function<void(const std::vector<Entry>& wanted)> in_session;
  // In the file of the project, or of the user for every project. Throws Error when that is as it was before.
  std::function<void(BoardKey::What what, const std::vector<std::string>& hosts)> in_file;
};

// The session comes first: it waits, and a file that has a line of which the session knows nothing is what
// nobody would look for. Returns the words for the screen: what holds now, of both.
std::string allow_by_key(const BoardKey& key, const AllowWays& ways);

}  // namespace drydock::core
