// Which session a user means: the one place that decides it, for every command that works on a session.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sessions.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

struct Candidate {
  runtime::Engine* engine = nullptr;
  SessionRecord session;
};

// What a command can work on. The words and the test belong together: messages say what is tested.
struct Need {
  std::string noun;  // "live session"
  std::function<bool(const SessionRecord&)> fits;
};

const Need& a_session();
const Need& a_live_session();

// Lets the user choose one of several; nothing when they would not.
using Menu = std::function<std::optional<std::size_t>(const std::vector<const Candidate*>&)>;

// Whether a folder, an absolute path without links, is the project's or in it.
bool is_inside(const std::string& path, const std::string& project);
// Without links; empty for what is not there.
std::string real_path(const std::string& path);

struct SessionQuery {
  std::string verb;       // "attach to"
  std::string wanted;     // as the user named it; empty: not at all
  std::string directory;  // where the user is
  const Need* need = nullptr;
  Menu menu;  // empty: there is no terminal to ask on
  // What to do about a session that has ended, if `wanted` was the id of one; else nothing.
  std::function<std::optional<std::string>(const std::string& wanted)> ended;
};

// The sessions of all these engines, which must outlive the answer.
std::vector<Candidate> find_candidates(const std::vector<std::unique_ptr<runtime::Engine>>& engines);

// `wanted` is an id, a name, the unambiguous beginning of an id (two digits or more), or a project's folder,
// in this order. Without it: the only session of the project that `directory` is in, else what the menu
// gives. Throws Error(not_found) when what was named is not there or is not what is needed, Error(conflict)
// when it is ambiguous, and Error(usage), with a list, when nothing was named and nothing follows.
const Candidate& find_session(const std::vector<Candidate>& all, const SessionQuery& query);

}  // namespace drydock::core
