#include "core/farewell.hpp"

#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"
#include "core/denials.hpp"
#include "core/host_verdict.hpp"
#include "core/inspect.hpp"
#include "core/session_log.hpp"
#include "core/watch.hpp"

namespace drydock::core {
namespace {

constexpr auto reading_limit = std::chrono::seconds(2);

void tell_denied(runtime::Engine& engine, const SessionRecord& session, Talk& talk) {
  if (session.sidecars.empty()) return;
  const auto counts = egress_counts(engine, session);
  if (counts && counts->denied == 0) return;
  const auto deadline = std::chrono::steady_clock::now() + reading_limit;
  Denials denials;
  bool whole = true;
  read_egress_log(engine, session, false, [&](std::string_view line) {
    denials.add(line);
    whole = std::chrono::steady_clock::now() < deadline;
    return whole;
  });
  for (const std::string& line : summary_of(denials, session.id, allow_command(session.project)))
    talk.say(line);
  if (!whole) talk.say("its log is too long to tell all");
}

}  // namespace

void say_farewell(runtime::Engine& engine, const SessionRecord& session, Talk& talk) {
  if (!is_watched(session.id)) return;
  try {
    tell_denied(engine, session, talk);
  } catch (const Error& error) {
    log::info("what session {} was refused is not told: {}", session.id, error.what());
  }
  end_watch(session.id, session.project, talk);
}

Farewell farewell_of(runtime::Engine& engine, Talk& talk) {
  return [&engine, &talk](const SessionRecord& session) { say_farewell(engine, session, talk); };
}

}  // namespace drydock::core
