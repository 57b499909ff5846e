#include "cli/decision_source.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "core/session_log.hpp"

namespace drydock::cli {
namespace {

bool has_one_here(const Sessions& sessions) {
  const std::string here = core::real_path(".");
  const auto& all = sessions.all();
  return std::any_of(all.begin(), all.end(), [&](const core::Candidate& candidate) {
    return core::is_inside(here, candidate.session.project);
  });
}

}  // namespace

DecisionSource::DecisionSource(const Invocation& invocation, const std::string& wanted,
                               const std::string& verb) {
  try {
    sessions_.emplace(invocation);
    // Another project's live session is not offered before this one's last.
    if (wanted.empty() && !has_one_here(*sessions_)) kept_ = core::find_kept_log(wanted, ".");
    if (!kept_) found_ = &sessions_->find(wanted, verb, core::a_session());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::conflict || error.kind() == ErrorKind::usage) throw;
    kept_ = core::find_kept_log(wanted, ".");
    if (!kept_) throw;
  }
}

std::string DecisionSource::project() const {
  return found_ != nullptr ? found_->session.project : core::summary_of(*kept_).project;
}

core::LogKind DecisionSource::kind() const {
  if (found_ == nullptr) return core::LogKind::kept;
  return found_->session.sidecar_state == runtime::ContainerState::running ? core::LogKind::live
                                                                           : core::LogKind::ended;
}

void DecisionSource::read(bool follow,
                          const std::function<bool(std::string_view line, bool whole)>& sink) const {
  if (found_ == nullptr) return core::read_kept_log(*kept_, sink);
  core::read_egress_log(*found_->engine, found_->session, follow,
                        [&](std::string_view line) { return sink(line, true); });
}

}  // namespace drydock::cli
