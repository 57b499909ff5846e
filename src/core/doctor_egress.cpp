#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "core/agents.hpp"
#include "core/denials.hpp"
#include "core/doctor_checks.hpp"
#include "core/effective_allowlist.hpp"
#include "core/filter.hpp"
#include "core/inspect.hpp"
#include "core/run.hpp"
#include "core/session_log.hpp"
#include "core/sessions.hpp"
#include "core/utf8.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

std::string hosts(std::size_t count) { return std::to_string(count) + (count == 1 ? " entry" : " entries"); }

AllowlistSource add_baseline(Allowlist& list) {
  const AgentProfile agent = find_agent(default_agent);
  AllowlistSource source{"baseline (" + agent.name + ")", "read", 0};
  for (const BaselineHost& host : agent.baseline) {
    for (const Entry& entry : parse_allowlist_entry(host.host, source.name)) {
      list.add(entry);
      ++source.entries;
    }
  }
  return source;
}

std::string sidecar_word(const SessionRecord& session) {
  if (!session.sidecar_state) return "none";
  return *session.sidecar_state == runtime::ContainerState::running ? "running" : "ended";
}

// ": HOST, HOST and more", of the most frequent.
std::string denied_hosts(runtime::Engine& engine, const SessionRecord& session, const EgressCounts& counts) {
  constexpr std::size_t shown = 3;
  if (counts.denied == 0) return {};
  Denials denials;
  read_egress_log(engine, session, false, [&](std::string_view line) {
    denials.add(line);
    return true;
  });
  std::vector<std::string> hosts;
  for (const Denial& denial : denials.list()) {
    const std::string host = one_line(denial.host, 253);
    if (std::find(hosts.begin(), hosts.end(), host) != hosts.end()) continue;
    if (hosts.size() == shown) return ": " + join(hosts, ", ") + " and more";
    hosts.push_back(host);
  }
  return hosts.empty() ? "" : ": " + join(hosts, ", ");
}

}  // namespace

Findings examine_allowlist(const Project& project, DoctorReport& report) {
  Findings findings;
  Allowlist list;
  report.sources.push_back(add_baseline(list));
  for (const std::string& path : allowlist_paths(project)) {
    AllowlistSource source{path, "absent", 0};
    try {
      for (const Entry& entry : read_allowlist_file(path, false)) {
        list.add(entry);
        ++source.entries;
      }
      if (::access(path.c_str(), F_OK) == 0) source.state = "read";
    } catch (const Error& error) {
      source.state = "wrong";
      findings.push_back(problem_of("allowlist", error, "correct or remove " + path));
    }
    report.sources.push_back(source);
  }
  std::vector<std::string> words;
  for (const AllowlistSource& source : report.sources) {
    if (source.state == "read") words.push_back(std::to_string(source.entries) + " of " + source.name);
  }
  if (runtime::has_problem(findings)) {
    findings.push_back({"filter", FindingStatus::not_checked,
                        "the effective filter: an allowlist file has to be corrected first", "", false});
    return findings;
  }
  try {
    compile_filter(list);
    report.filter_entries = list.entries().size();
    findings.push_back(ok_finding(
        "filter", "the effective filter has " + hosts(list.entries().size()) + ": " + join(words, ", "),
        false));
  } catch (const Error& error) {
    findings.push_back(problem_of("filter", error, "report this as a fault of drydock's"));
  }
  return findings;
}

Findings examine_sessions(const std::vector<Reached>& reached, DoctorReport& report) {
  Findings findings;
  for (const Reached& entry : reached) {
    try {
      for (const SessionRecord& session : find_sessions(*entry.engine)) {
        if (!is_live(session)) continue;
        LiveSession live{session.id, session.runtime, session.mode, sidecar_word(session),
                         egress_counts(*entry.engine, session)};
        const std::string name = "session " + live.id + " on " + live.runtime;
        if (live.mode != to_string(Mode::dood) && live.sidecar != "running") {
          findings.push_back({"session", FindingStatus::warning,
                              name + " has no egress: its sidecar has ended", "drydock stop " + live.id,
                              false});
        } else if (live.counts) {
          findings.push_back(ok_finding("session",
                                        name + ": its sidecar runs, " + std::to_string(live.counts->allowed) +
                                            " allowed, " + std::to_string(live.counts->denied) + " denied" +
                                            denied_hosts(*entry.engine, session, *live.counts),
                                        false));
        } else if (live.sidecar == "none") {
          findings.push_back(ok_finding("session", name + ": dood, without a sidecar", false));
        } else {
          findings.push_back({"session", FindingStatus::not_checked,
                              name + ": its sidecar runs, and has not said what it decided", "", false});
        }
        report.sessions.push_back(std::move(live));
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
