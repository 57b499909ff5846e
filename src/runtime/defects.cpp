#include "runtime/defects.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace drydock::runtime {
namespace {

bool has(const Version& version, const Defect& defect) {
  return std::any_of(defect.ranges.begin(), defect.ranges.end(), [&](const Defect::Range& range) {
    return range.from <= version && version < range.fixed;
  });
}

// "upgrade runc to 1.2.8, 1.3.3 or newer": what mends all of `defects`, as the newest of them was mended.
std::string upgrade(const std::string& component, const std::vector<const Defect*>& defects) {
  const Defect* last = defects.front();
  for (const Defect* defect : defects) {
    if (last->ranges.back().fixed < defect->ranges.back().fixed) last = defect;
  }
  std::vector<std::string> versions;
  for (const Defect::Range& range : last->ranges) versions.push_back(range.fixed.to_string());
  return "upgrade " + component + " to " + join(versions, ", ") + " or newer";
}

}  // namespace

std::string describe(const std::map<std::string, std::string>& components) {
  std::vector<std::string> words;
  for (const auto& [name, text] : components) {
    const auto version = Version::find_in(text);
    words.push_back(name + " " + (version ? version->to_string() : "of unknown version"));
  }
  return join(words, ", ");
}

// The programs' own advisories and change logs have the versions.
const std::vector<Defect>& oci_runtime_defects() {
  static const std::vector<Defect> defects{
      {"CVE-2024-21626",
       "runc",
       {{{{1, 0}}, {{1, 1, 12}}}},
       "a leaked descriptor leads out of a container",
       ""},
      {"CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881",
       "runc",
       {{{{1, 0}}, {{1, 2, 8}}}, {{{1, 3}}, {{1, 3, 3}}}},
       "races while mounting lead out of a container",
       ""},
      {"CVE-2026-41579",
       "runc",
       {{{{1, 0}}, {{1, 3, 6}}}, {{{1, 4}}, {{1, 4, 3}}}},
       "a link in the place of /dev leads out of a container",
       ""},
      {"CVE-2026-88264, CVE-2026-88265 and CVE-2026-84042",
       "crun",
       {{{{1, 0}}, {{1, 30}}}},
       "links in an image make or change files of the host",
       ""},
  };
  return defects;
}

Findings judge_defects(const std::vector<Defect>& defects,
                       const std::map<std::string, std::string>& components) {
  Findings findings;
  for (const auto& [component, text] : components) {
    const bool known = std::any_of(defects.begin(), defects.end(), [&name = component](const Defect& defect) {
      return defect.component == name;
    });
    if (!known) continue;
    const auto version = Version::find_in(text);
    if (!version) {
      findings.push_back({"defects", FindingStatus::not_checked,
                          "known defects of " + component + ": it does not tell its version", "", true});
      continue;
    }
    std::vector<const Defect*> open;
    std::vector<std::string> names;
    for (const Defect& defect : defects) {
      if (defect.component != component || !has(*version, defect)) continue;
      if (defect.closed_by.empty()) {
        open.push_back(&defect);
        names.push_back(defect.name + " (" + defect.what + ")");
        continue;
      }
      findings.push_back({"defects", FindingStatus::note,
                          component + " " + version->to_string() + ": " + defect.name + " (" + defect.what +
                              "), by its version; closed in a session: " + defect.closed_by,
                          upgrade(component, {&defect}), false});
    }
    if (open.empty()) continue;
    findings.push_back(
        {"defects", FindingStatus::warning,
         component + " " + version->to_string() + " has known defects by its version: " + join(names, ", "),
         upgrade(component, open) + ", unless your distribution's changelog names them as mended", false});
  }
  return findings;
}

}  // namespace drydock::runtime
