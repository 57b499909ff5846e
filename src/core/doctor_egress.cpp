#include <unistd.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.hpp"
#include "core/agents.hpp"
#include "core/doctor_checks.hpp"
#include "core/effective_allowlist.hpp"
#include "core/filter.hpp"
#include "core/live_filter.hpp"
#include "core/run.hpp"

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

}  // namespace

Findings examine_allowlist(const Project& project, const RunOptions& run, DoctorReport& report) {
  Findings findings;
  Sources sources(report, findings);
  try {
    const AgentProfile agent = find_agent(agent_of(run));
    const std::string name = "baseline (" + agent.name + ")";
    sources.add(name, {}, [&] { return baseline_of(agent, name); });
  } catch (const Error& error) {
    findings.push_back(problem_of("agent", error, "correct the profile, or remove it"));
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

}  // namespace drydock::core
