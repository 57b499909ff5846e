// Known defects of engines and of what they are made of, by version. A version says what was mended upstream;
// what a distribution has mended in an older one, it does not say.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/finding.hpp"
#include "runtime/version.hpp"

namespace drydock::runtime {

struct Defect {
  struct Range {
    Version from;   // the first that has it
    Version fixed;  // the first that has it no more
  };
  std::string name;       // "CVE-2024-29018"
  std::string component;  // a key of EngineInfo::components
  std::vector<Range> ranges;
  std::string what;       // a clause
  std::string closed_by;  // what drydock does so that a session does not have it; empty: it is open
};

// "crun 1.8.1, netavark 1.4.0", for people.
std::string describe(const std::map<std::string, std::string>& components);

// Of the OCI runtimes that engines share.
const std::vector<Defect>& oci_runtime_defects();

// What `components` (name to version) have of `defects`: a warning for each component that has open ones, and
// a note for each that drydock closes. A component of unknown version is "not checked"; one that is not there
// says nothing.
Findings judge_defects(const std::vector<Defect>& defects,
                       const std::map<std::string, std::string>& components);

}  // namespace drydock::runtime
