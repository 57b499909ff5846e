// What sessions of one project hand on to the next one. Conversations are an append-only store: what is there
// is continued and never changed, and a session's copy that does not continue it is put beside it, as
// NAME~SESSION, where agents that list their files by how the names end do not take it for another one.
// Whole copies are for what is changed in place, a database or an agent's memory: the session that ends last
// is what the next one begins with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/file_tree.hpp"

namespace drydock::core {

// Whether a path is what a pattern names, or lies below: glob(7), where no '*' stands for a '/'.
bool is_in(const std::string& path, const std::string& pattern);
bool is_in_any(const std::string& path, const std::vector<std::string>& patterns);

using Visit = std::function<void(const std::string&, const struct stat&)>;
using Refused = std::function<void(const std::string&, const std::string&)>;

// walk_files() for what is in a pattern; the limit of files is for all of it together.
void walk_pattern(int folder, const std::string& pattern, const TreeLimits& limits, const Visit& visit,
                  const Refused& refused);

// Brings a session's conversations to `store` below another folder: what is not there, and what continues
// what is there. What is in `except` is none. Returns the names, below `store`, that others were kept under
// for the first time. Links and special files are handed to `refused`. Throws Error; what was not brought is
// then still in the session.
std::vector<std::string> bring_conversations(int home, const std::vector<std::string>& patterns,
                                             const std::vector<std::string>& except, int state,
                                             const std::string& store, const std::string& session,
                                             const Refused& refused);

inline constexpr TreeLimits whole_copy_limits{20000, 16, std::uint64_t{4} << 30};

// What a session's whole copy began as, or what of it has been stored since.
struct WholeCopy {
  std::string session;  // whose copy was the stored one; empty: there was none
  std::string digest;   // of the copy; empty: of none
};

// Where in `store` the copy is that a session is to begin with; empty when there is none.
std::string latest_copy(int state, const std::string& store);
// Of all that is in the patterns below a folder; empty when nothing is. Throws Error, as below.
std::string digest_of_copy(int folder, const std::vector<std::string>& patterns);

struct WholeCopyResult {
  WholeCopy now;
  std::string displaced;  // the session whose copy is not the latest any more and stays, for this one did not
                          // begin with it; empty: none
};

// Brings a session's whole copy to `store`/SESSION and makes it the latest, at once, if it differs from what
// it began as, also by having nothing any more; the copy that it began as goes to `store`/earlier, where the
// newest five stay, of 1 GiB together but for the newest one. No process may have the session's files open
// any more. Throws the same, and Error(refused) when a part is a link, a special file, too large or cannot be
// read: nothing is brought then, for the other parts alone are worth nothing.
WholeCopyResult bring_whole_copy(int home, const std::vector<std::string>& patterns, int state,
                                 const std::string& state_path, const std::string& store,
                                 const std::string& session, const WholeCopy& began);

}  // namespace drydock::core
