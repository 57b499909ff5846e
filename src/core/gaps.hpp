// The gaps that designs of this kind are known for, by the letters of docs/security.md, and whether drydock
// closes each: the one table behind that page, doctor and the first lines of a session.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct Gap {
  // Of those that are open: the sessions that have it.
  enum class Where { nowhere, every_jail, with_hosts, with_patterns, engine_of_root, writable_project, dood };

  char letter;
  std::string_view what;
  std::string_view brief;  // of an open one, what remains: a few words
  Where open;

  bool closed() const { return open == Where::nowhere; }
};

const std::vector<Gap>& gaps();

// What of a session decides which gaps it has.
struct GapFacts {
  bool dood = false;
  bool hosts = false;     // it reaches some
  bool patterns = false;  // and not each by its exact name
  bool writable_project = false;
  bool engine_of_root = false;  // the engine is root's
};

// Whether such a session has it.
bool applies(const Gap& gap, const GapFacts& facts);

// Which sessions these are: "contained sessions that reach a host".
std::string_view to_string(Gap::Where where);

// Those that such a session has, as "(a) <brief>, (b) <brief>"; empty when there is none.
std::string open_gaps(const GapFacts& facts);

}  // namespace drydock::core
