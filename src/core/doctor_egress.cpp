#include <unistd.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.hpp"
#include "core/agents.hpp"
#include "core/denials.hpp"
#include "core/doctor_checks.hpp"
#include "core/effective_allowlist.hpp"
#include "core/filter.hpp"
#include "core/inspect.hpp"
#include "core/live_filter.hpp"
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

// The sources one after the other, each with what is wrong with it.
class Sources {
 public:
  Sources(DoctorReport& report, Findings& findings) : report_(report), findings_(findings) {}

  // What `read` gives; `file` is what has to be corrected where it throws.
  void add(const std::string& name, const std::string& file,
           const std::function<std::vector<Entry>()>& read) {
    AllowlistSource source{name, "absent", 0};
    try {
      for (const Entry& entry : read()) {
        list_.add(entry);
        ++source.entries;
      }
      if (file.empty() || ::access(file.c_str(), F_OK) == 0) source.state = "read";
    } catch (const Error& error) {
      source.state = "wrong";
      findings_.push_back(
          problem_of("allowlist", error, "correct or remove " + (file.empty() ? name : file)));
    }
    // Lines of one file come one by one.
    const auto same = std::find_if(report_.sources.begin(), report_.sources.end(),
                                   [&](const AllowlistSource& other) { return other.name == name; });
    if (same == report_.sources.end()) {
      report_.sources.push_back(source);
    } else {
      same->entries += source.entries;
      if (source.state == "wrong") same->state = source.state;
    }
  }
  void add(const std::vector<Given>& values, const char* option) {
    for (const Given& given : values) {
      const std::string file = parse_source(given.origin).name;
      add(given.origin.empty() ? option : file, file, [&] { return parse_given(given, option); });
    }
  }
  const Allowlist& list() const { return list_; }

 private:
  DoctorReport& report_;
  Findings& findings_;
  Allowlist list_;
};

std::vector<Entry> baseline_of(const AgentProfile& agent, const std::string& source) {
  std::vector<Entry> entries;
  for (const BaselineHost& host : agent.baseline) {
    const std::vector<Entry> more = parse_allowlist_entry(host.host, source);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  return entries;
}

std::string sidecar_word(const SessionRecord& session) {
  if (!session.sidecar_state) return "none";
  return *session.sidecar_state == runtime::ContainerState::running ? "running" : "ended";
}

// Of each host the last one.
std::vector<Denial> last_denials(runtime::Engine& engine, const SessionRecord& session) {
  constexpr std::size_t shown = 3;
  Denials denials;
  read_egress_log(engine, session, false, [&](std::string_view line) {
    denials.add(line);
    return true;
  });
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

// ", lastly HOST (its reason) at TIME, …".
std::string to_text(const std::vector<Denial>& denials) {
  std::vector<std::string> words;
  for (const Denial& denial : denials)
    words.push_back(one_line(denial.host, 253) + " at " + one_line(denial.last, 40) + " (" +
                    one_line(denial.reason, 200) + ")");
  return words.empty() ? "" : ", lastly " + join(words, ", ");
}

}  // namespace

Findings examine_allowlist(const Project& project, const RunOptions& run, DoctorReport& report) {
  Findings findings;
  Sources sources(report, findings);
  try {
    const AgentProfile agent = find_agent(agent_of(run));
    const std::string name = "baseline (" + agent.name + ")";
    sources.add(name, {}, [&] { return baseline_of(agent, name); });
  } catch (const Error& error) {
    findings.push_back(problem_of("agent", error, "drydock agents lists them"));
  }
  for (const std::string& path : allowlist_paths(project))
    sources.add(path, path, [&] { return read_allowlist_file(path, false); });
  for (const Given& file : run.allow.files)
    sources.add(file.value, file.value, [&] { return read_allowlist_file(file.value, true); });
  sources.add(run.allow.hosts, "--allow");
  sources.add(run.allow.private_hosts, "--allow-private");
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
    compile_filter(sources.list());
    report.filter = sources.list().entries();
    findings.push_back(ok_finding(
        "filter", "the effective filter has " + hosts(report.filter->size()) + ": " + join(words, ", "),
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
        LiveSession live{session.id,
                         session.runtime,
                         session.mode,
                         sidecar_word(session),
                         egress_counts(*entry.engine, session),
                         {}};
        if (live.counts && live.counts->denied > 0) live.last_denied = last_denials(*entry.engine, session);
        const std::string name = "session " + live.id + " on " + live.runtime;
        if (live.mode != to_string(Mode::dood) && live.sidecar != "running") {
          findings.push_back({"session", FindingStatus::warning,
                              name + " has no egress: its sidecar has ended", "drydock stop " + live.id,
                              false});
        } else if (live.counts) {
          findings.push_back(ok_finding("session",
                                        name + ": its sidecar runs, " + std::to_string(live.counts->allowed) +
                                            " allowed, " + std::to_string(live.counts->denied) + " denied" +
                                            to_text(live.last_denied),
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
