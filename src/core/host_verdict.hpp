// `drydock egress test`: what a session's guard would say of a host. It is asked of the guard's own matcher.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/allowlist.hpp"
#include "policy/entries.hpp"

namespace drydock::core {

struct HostVerdict {
  std::string authority;  // as the guard would be asked: "host:443"
  bool allowed = false;
  std::string rule;    // the entry that admits it
  std::string source;  // where that stands, as Source::to_string() has it
  std::string reason;  // of a refusal
  std::string hint;    // what admits it, if something does
};

// An allowlist as the guard gets it.
policy::Entries matcher_of(const Allowlist& list);

// `asked`: HOST or HOST:PORT as a user types it; an international name becomes what clients send. A name that
// is allowed may still lead to an address that is not: that is decided when it is looked up. `session` and
// `project` are those of allow_line().
HostVerdict judge_host(std::string_view asked, const policy::Entries& entries, const std::string& session,
                       const std::string& project);

// Where the user's shell is, and commands are typed: the current folder, unless drydock has left it (-C).
// Empty: not known.
void set_shell_folder(std::string folder);

// The entry that admits a host which was refused with `reason`; empty when there is none.
std::string allow_host(std::string_view host, std::string_view reason);
// What to type, where the shell is, to allow something in the sessions of the project at `project`, a real
// path: "drydock egress allow", with --project where it is not that folder; "in its folder: drydock egress
// allow" where its path is empty or not fit to be shown. Hosts follow it.
std::string allow_command(const std::string& project);
// The same with these entries and groups, which are sound.
std::string allow_command(const std::string& project, const std::vector<std::string>& hosts);
// The line that admits a host which was refused with `reason`: allow_command() with it, or for a live session
// "drydock egress allow HOST --session SESSION"; empty when none would.
std::string allow_line(std::string_view host, std::string_view reason, const std::string& session,
                       const std::string& project);

}  // namespace drydock::core
