// `drydock doctor`: would a session start here, on which engine, in which mode, and what is in the way. It
// looks and changes nothing; what it did not look at it says. The live check of the jail is core/smoke.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/stop_source.hpp"
#include "core/decision_log.hpp"
#include "core/denials.hpp"
#include "core/gaps.hpp"
#include "core/mode.hpp"
#include "core/run.hpp"
#include "core/selection.hpp"
#include "core/settings.hpp"
#include "runtime/finding.hpp"
#include "runtime/host_facts.hpp"

namespace drydock::core {

struct ConfigurationFile {
  std::string path;
  std::string what;   // "settings", "allowlist", "mode pin", "machine settings", …
  std::string state;  // "read", "absent", "wrong"
};

struct DoctorOptions {
  std::string runtime = "auto";
  std::string url;  // of the named runtime; may be empty
  std::string directory = ".";
  runtime::HostPlace host = runtime::this_host();
  std::string machine_config = machine_config_path;
  RunOptions run{};                           // as the configuration files have them
  std::vector<ConfigurationFile> settings{};  // the files that they are from
  std::vector<Error> wrong_configuration{};   // what could not be read of them
};

struct EngineReport {
  std::string runtime;
  bool chosen = false;                      // a session without more words runs on it
  bool present = true;                      // the machine has something of it
  std::optional<runtime::EngineInfo> info;  // absent: it was not reached
  runtime::Findings findings;
  bool works() const { return info && !runtime::has_problem(findings); }
};

struct DoctorSection {
  std::string name;  // "project", "images", "egress", "configuration"
  runtime::Findings findings;
};

// Where the allowlist comes from.
struct AllowlistSource {
  std::string name;         // "baseline (claude)", or a file
  std::string state;        // "read", "absent", "wrong"
  std::size_t entries = 0;  // of its own, those that an earlier source has as well included
};

// What a session's log has of its tinyproxy, which the guard starts again when it ends, or hangs.
struct ProxyTrouble {
  std::uint64_t restarts = 0;
  std::uint64_t hangs = 0;  // it did not answer, and was killed
  std::string last;         // RFC 3339
  std::string reason;       // of the last
};

struct LiveSession {
  std::string id;
  std::string runtime;
  std::string mode;
  std::string sidecar;  // "running", "paused", "ended", "none"
  std::optional<EgressCounts> counts;
  std::vector<Denial> last_denied{};    // the last first, three at most
  std::optional<ProxyTrouble> proxy{};  // absent: there is no log that can be read
};

// Whether the session that is judged has it; absent: it was not seen.
struct GapReport {
  const Gap* gap = nullptr;
  std::optional<bool> here;
};

struct DoctorReport {
  std::string runtime;  // the chosen engine's; empty: none can be used
  std::string reason;   // why that one, or why none
  std::string fix;      // when there is none: what to do
  std::string project;  // path; empty when the folder cannot be one
  std::optional<ModeDecision> mode;
  std::vector<EngineReport> engines;
  std::vector<DoctorSection> sections;
  std::vector<AllowlistSource> sources;
  std::optional<std::vector<Entry>> filter;  // absent when a source is wrong
  std::vector<LiveSession> sessions;
  std::vector<ConfigurationFile> files;
  std::vector<GapReport> gaps;  // all there are

  const EngineReport* chosen() const;  // null: none
  // A run on the chosen engine would start.
  bool works() const;
};

// Throws Error(usage) for a runtime that is none, and Interrupted. Everything else is a finding.
DoctorReport examine(const Providers& providers, const DoctorOptions& options, StopSource& stop);

// docs/schema/doctor.json
Json to_json(const DoctorReport& report);

}  // namespace drydock::core
