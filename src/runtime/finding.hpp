// What `drydock doctor` has to say of one thing it looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::runtime {

enum class FindingStatus {
  ok,
  note,         // worth knowing; nothing has to be done
  warning,      // sessions run, and something about them could be better
  problem,      // a session would fail
  not_checked,  // it could not be looked at; `what` says why
};

std::string_view to_string(FindingStatus status);

struct Finding {
  std::string id;  // a word that stays: "subuid"
  FindingStatus status = FindingStatus::ok;
  std::string what;     // one line: what was seen
  std::string fix;      // one line: how it is mended; never empty for a problem or a warning
  bool detail = false;  // for those who ask for more
};

using Findings = std::vector<Finding>;

// Whether a session would fail for one of them.
bool has_problem(const Findings& findings);

}  // namespace drydock::runtime
