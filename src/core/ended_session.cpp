#include "core/ended_session.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/host_verdict.hpp"
#include "core/kept_log.hpp"

namespace drydock::core {
namespace {

std::optional<KeptLog> log_of(const std::string& id) {
  try {
    const auto found = find_kept_log(id, {});
    // It takes folders too.
    return found && starts_with(found->session, id) ? found : std::nullopt;
  } catch (const Error& error) {
    log::info("{}", error.what());
    return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> hint_at_ended(const std::string& wanted, const std::vector<std::string>& allows) {
  const auto found = log_of(wanted);
  if (!found) return std::nullopt;
  const std::string project = summary_of(*found).project;
  if (!allows.empty() && !project.empty())
    return "for later sessions of its project: " + allow_command(project, allows);
  return "what it was refused: drydock egress denied " + found->session;
}

}  // namespace drydock::core
