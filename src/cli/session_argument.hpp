// The SESSION that commands take: looked up in one way for all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "core/find_session.hpp"

namespace drydock::cli {

// What follows "SESSION is" in help texts.
inline constexpr const char* session_help =
    "SESSION is an id, the beginning of one, a name, or a project's folder; without it the only session of "
    "this\nfolder's project is meant, and a terminal is asked on when there are more.";

// The sessions of all engines that --runtime covers, and the engines.
class Sessions {
 public:
  explicit Sessions(const Invocation& invocation);

  const std::vector<core::Candidate>& all() const { return all_; }
  // As core::find_session, from here. `verb` as in "attach to". `allows`: what the user wants to allow, which
  // for a session that has ended can be allowed to later ones.
  const core::Candidate& find(const std::string& wanted, const std::string& verb, const core::Need& need,
                              const std::vector<std::string>& allows = {}) const;

 private:
  std::vector<std::unique_ptr<runtime::Engine>> engines_;
  std::vector<core::Candidate> all_;
  bool quiet_;
};

}  // namespace drydock::cli
