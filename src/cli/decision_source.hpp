// Where a session's decisions are read from: its sidecar's log on the engine while there is one, else the log
// that was kept when it ended.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/session_argument.hpp"
#include "core/kept_log.hpp"
#include "core/log_check.hpp"

namespace drydock::cli {

// What follows session_help for the commands that take an ended one too.
inline constexpr const char* ended_help =
    "\nOne that has ended is named by its id or by its folder, whose last one is meant; without SESSION and "
    "without one\nthat is there, the last one of this folder's project.";

class DecisionSource {
 public:
  // `wanted` and `verb` as Sessions::find. An engine that cannot be asked matters only where no kept log
  // fits.
  DecisionSource(const Invocation& invocation, const std::string& wanted, const std::string& verb);

  const std::string& session() const { return found_ != nullptr ? found_->session.id : kept_->session; }
  // Its folder; empty when there is none, or when the kept log does not say.
  std::string project() const;
  bool is_live() const { return found_ != nullptr && core::is_live(found_->session); }
  core::LogKind kind() const;
  // Line by line, until the sink has enough; `whole` is false for a last line that has no end.
  void read(bool follow, const std::function<bool(std::string_view line, bool whole)>& sink) const;

 private:
  std::optional<Sessions> sessions_;
  const core::Candidate* found_ = nullptr;
  std::optional<core::KeptLog> kept_;
};

}  // namespace drydock::cli
