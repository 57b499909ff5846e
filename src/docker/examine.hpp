// What is known of Docker's versions and settings: doctor's part of it. Sources: the Engine API's /info, the
// advisories named in the findings.
#pragma once

#include <string>
#include <vector>

#include "runtime/finding.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/types.hpp"

namespace drydock::docker {

std::vector<std::string> examined_programs();

// As EngineProvider::judge.
runtime::Findings examine(const runtime::HostFacts& host, const runtime::EngineInfo* info);

}  // namespace drydock::docker
