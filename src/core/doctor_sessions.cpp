#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "base/shell.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/denials.hpp"
#include "core/doctor_checks.hpp"
#include "core/inspect.hpp"
#include "core/session_log.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

using runtime::ContainerState;
using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

// As guard/supervisor.cpp words it. No line of tinyproxy's own begins so.
constexpr std::string_view of_guard = "the proxy ";
constexpr std::string_view restarted = "is started again";
constexpr std::string_view killed = "does not answer and is killed";

std::string sidecar_word(const SessionRecord& session) {
  if (!session.sidecar_state) return "none";
  if (*session.sidecar_state == ContainerState::paused) return "paused";
  return *session.sidecar_state == ContainerState::running ? "running" : "ended";
}

void add(ProxyTrouble& trouble, std::string_view line) {
  // Most lines are none, and a log may be long.
  if (line.find("\"proxy\"") == std::string_view::npos) return;
  const Json event = Json::parse(line, nullptr, false);
  if (!event.is_object() || string_or(event, "event") != "proxy") return;
  const std::string reason = string_or(event, "reason");
  if (!starts_with(reason, of_guard)) return;
  const bool hung = ends_with(reason, killed);
  if (!hung && !ends_with(reason, restarted)) return;
  ++(hung ? trouble.hangs : trouble.restarts);
  trouble.last = string_or(event, "time");
  trouble.reason = reason;
}

// Of each host the last one.
std::vector<Denial> last_denials(const Denials& denials) {
  constexpr std::size_t shown = 3;
  std::vector<Denial> all = denials.list();
  std::stable_sort(all.begin(), all.end(), [](const Denial& a, const Denial& b) { return a.last > b.last; });
  std::vector<Denial> last;
  for (Denial& denial : all) {
    const bool there =
        std::any_of(last.begin(), last.end(), [&](const Denial& other) { return other.host == denial.host; });
    if (there) continue;
    last.push_back(std::move(denial));
    if (last.size() == shown) break;
  }
  return last;
}

void read_log(runtime::Engine& engine, const SessionRecord& session, LiveSession& live) {
  Denials denials;
  ProxyTrouble trouble;
  read_egress_log(engine, session, false, [&](std::string_view line) {
    denials.add(line);
    add(trouble, line);
    return true;
  });
  live.last_denied = last_denials(denials);
  live.proxy = trouble;
}

// ", lastly HOST (its reason) at TIME, …".
std::string to_text(const std::vector<Denial>& denials) {
  std::vector<std::string> words;
  for (const Denial& denial : denials)
    words.push_back(one_line(denial.host, 253) + " at " + one_line(denial.last, 40) + " (" +
                    one_line(denial.reason, 200) + ")");
  return words.empty() ? "" : ", lastly " + join(words, ", ");
}

std::string times(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " time" : " times"); }

Finding judge_sidecar(const LiveSession& live, const SessionRecord& session, const std::string& name) {
  const bool jailed = live.mode != to_string(Mode::dood);
  if (live.sidecar == "paused") {
    return {"session", FindingStatus::warning, name + " has no egress: its sidecar is paused",
            live.runtime + " unpause " + shell_word(session.sidecars.front()), false};
  }
  if (jailed && live.sidecar != "running") {
    return {"session", FindingStatus::warning, name + " has no egress: its sidecar has ended",
            "drydock stop " + live.id, false};
  }
  if (live.counts) {
    return ok_finding("session",
                      name + ": its sidecar runs, " + std::to_string(live.counts->allowed) + " allowed, " +
                          std::to_string(live.counts->denied) + " denied" + to_text(live.last_denied),
                      false);
  }
  if (live.sidecar == "none") return ok_finding("session", name + ": dood, without a sidecar", false);
  return {"session", FindingStatus::not_checked,
          name + ": its sidecar runs, and has not said what it decided", "", false};
}

// One end costs a session nothing, for the guard asks the next tinyproxy again.
Finding judge_proxy(const ProxyTrouble& trouble, const std::string& id, const std::string& name) {
  std::string what = name + ": by its log, its tinyproxy was started again " + times(trouble.restarts);
  if (trouble.hangs > 0) what += ", and did not answer " + times(trouble.hangs);
  what += "; lastly at " + one_line(trouble.last, 40) + ": " + one_line(trouble.reason, 200);
  const bool again = trouble.restarts + trouble.hangs > 1;
  return {
      "session-proxy", again ? FindingStatus::warning : FindingStatus::note, std::move(what),
      "if that goes on, stop the session and start another; all that it said: drydock logs --egress " + id,
      false};
}

void examine_session(runtime::Engine& engine, const SessionRecord& session, DoctorReport& report,
                     Findings& findings) {
  LiveSession live{session.id, session.runtime, session.mode, sidecar_word(session),
                   egress_counts(engine, session)};
  const std::string name = "session " + live.id + " on " + live.runtime;
  std::string unread;
  try {
    if (live.sidecar != "none") read_log(engine, session, live);
  } catch (const Error& error) {
    unread = error.what();
  }
  findings.push_back(judge_sidecar(live, session, name));
  if (live.proxy && live.proxy->restarts + live.proxy->hangs > 0)
    findings.push_back(judge_proxy(*live.proxy, live.id, name));
  if (!unread.empty())
    findings.push_back(
        {"session-proxy", FindingStatus::not_checked, name + ": its tinyproxy: " + unread, "", false});
  report.sessions.push_back(std::move(live));
}

}  // namespace

Findings examine_sessions(const std::vector<Reached>& reached, DoctorReport& report) {
  Findings findings;
  for (const Reached& entry : reached) {
    try {
      for (const SessionRecord& session : find_sessions(*entry.engine)) {
        if (is_live(session)) examine_session(*entry.engine, session, report, findings);
      }
    } catch (const Error& error) {
      findings.push_back(
          {"session", FindingStatus::not_checked, std::string("live sessions: ") + error.what(), "", false});
    }
  }
  if (reached.empty()) {
    findings.push_back({"session", FindingStatus::not_checked, "live sessions: no engine answers", "", true});
  } else if (report.sessions.empty() && findings.empty()) {
    findings.push_back(ok_finding("session", "no session lives"));
  }
  return findings;
}

}  // namespace drydock::core
