// The parts of core/doctor.cpp.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "core/doctor.hpp"
#include "core/project.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

runtime::Finding ok_finding(std::string id, std::string what, bool detail = true);
runtime::Finding problem_finding(std::string id, std::string what, std::string fix);
// An error as a problem: its words, its hint; `fix` when it has none.
runtime::Finding problem_of(std::string id, const Error& error, const std::string& fix);

// An engine that answered, and its report.
struct Reached {
  std::unique_ptr<runtime::Engine> engine;
  std::size_t report = 0;  // index in DoctorReport::engines
};

// Fills `report.engines`, `runtime` and `reason`.
std::vector<Reached> examine_engines(const Providers& providers, const DoctorOptions& options, Mode mode,
                                     StopSource& stop, DoctorReport& report);

// The pins and variables that speak of the mode. Fills `report.mode`.
runtime::Findings examine_mode(const Project& project, DoctorReport& report);

// What an agent runs in: drydock's own images, or the one that is named. `engine` may be null.
runtime::Findings examine_images(runtime::Engine* engine, const RunOptions& run);
// The image of the sidecar. Without an engine it is still told whether it could be made.
runtime::Finding examine_sidecar(runtime::Engine* engine, Mode mode, StopSource& stop);
// Known defects of what it is made of; nothing where no tinyproxy is, or none is used.
runtime::Findings examine_proxy(Mode mode, StopSource& stop);

// Fills `report.sources` and `filter`.
runtime::Findings examine_allowlist(const Project& project, const RunOptions& run, DoctorReport& report);
// Fills `report.sessions`.
runtime::Findings examine_sessions(const std::vector<Reached>& reached, DoctorReport& report);

// The tokens that are kept for agents: their names, and whether they can be used. One that cannot is a problem
// where a run as `run` says takes it.
runtime::Findings examine_tokens(const RunOptions& run);
// Files of the user's own that sessions of an agent begin with.
runtime::Findings examine_overlays(const std::string& agent);

// Fills `report.files`; of the allowlist's files they are `report.sources`.
runtime::Findings examine_configuration(const Project* project, const DoctorOptions& options,
                                        DoctorReport& report);

// The agent whose sessions are asked about.
const std::string& agent_of(const RunOptions& run);

}  // namespace drydock::core
