#include "runtime/finding.hpp"

#include <algorithm>

namespace drydock::runtime {

std::string_view to_string(FindingStatus status) {
  switch (status) {
    case FindingStatus::ok:
      return "ok";
    case FindingStatus::note:
      return "note";
    case FindingStatus::warning:
      return "warning";
    case FindingStatus::problem:
      return "problem";
    case FindingStatus::not_checked:
      return "not checked";
  }
  return "not checked";
}

bool has_problem(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.status == FindingStatus::problem; });
}

}  // namespace drydock::runtime
