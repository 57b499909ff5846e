#include "core/tinyproxy_defects.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "runtime/version.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::FindingStatus;
using runtime::Version;

struct Defect {
  std::vector<std::string> names;
  std::string what;     // a clause
  std::string outcome;  // what it comes to in a sidecar
  Version last;         // the last release that has it
  std::string mended;   // how the versions of Debian's packages begin that have it no more; may be empty
  bool grave = false;   // worth an upgrade, although nothing of a session reaches it
};

// The CVE records, tinyproxy's release notes and Debian's changelogs have the versions.
const std::vector<Defect>& known_defects() {
  static const std::vector<Defect> defects{
      {{"CVE-2022-40468"},
       "its error pages may show what was left in memory",
       "the one that a sidecar has shows the request's own line",
       {{1, 11, 1}},
       "1.11.1-2"},
      {{"CVE-2023-49606"},
       "a field Connection may make it run what a client sends",
       "it hears no field of a tunnel's, and refuses all other requests before it looks at theirs",
       {{1, 11, 1}},
       "1.11.1-2.1+deb12u",
       true},
      {{"CVE-2025-63938"},
       "a port over 65535 passes for a lower one",
       "its filter and the guard judge the port as it is written",
       {{1, 11, 2}},
       ""},
      {{"CVE-2026-3945", "CVE-2026-31842", "CVE-2026-54387", "CVE-2026-54388"},
       "it mistakes where the body of a request ends",
       "it is sent none",
       {{1, 11, 3}},
       ""},
  };
  return defects;
}

// "CVE-2022-40468" is no part of "CVE-2022-404681".
bool mentions(const std::string& text, const std::string& name) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if (end == text.size() || text[end] < '0' || text[end] > '9') return true;
  }
  return false;
}

bool is_mended(const Defect& defect, const TinyproxyBuild& build) {
  const bool by_package = !defect.mended.empty() && starts_with(build.package, defect.mended);
  return by_package || std::all_of(defect.names.begin(), defect.names.end(),
                                   [&](const std::string& name) { return mentions(build.changelog, name); });
}

// What a helper says, or nothing where it is not there or fails.
std::string said_by(const std::vector<std::string>& command, const StopSource* stop) {
  ProcessOptions options;
  options.stop = stop;
  options.environment["LC_ALL"] = "C";
  try {
    const ProcessResult result = run_process(command, options);
    return result.exit_code == 0 ? std::string(trim(result.output)) : std::string();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

TinyproxyBuild tinyproxy_build(const std::string& path, const std::string& version, const StopSource* stop) {
  TinyproxyBuild build{version, {}, {}};
  std::error_code error;
  const std::string file = std::filesystem::canonical(path, error).string();
  if (error) return build;
  // "tinyproxy-bin: /usr/bin/tinyproxy"
  const std::string owner = said_by({"dpkg-query", "-S", file}, stop);
  const std::string name = owner.substr(0, owner.find(':'));
  if (name.empty()) return build;
  const std::string package = said_by({"dpkg-query", "-W", "-f", "${Version}", name}, stop);
  // Else the file is not the package's any more, or its changelog another's.
  if (!starts_with(package, version + "-")) return build;
  build.package = package;
  build.changelog = said_by({"gzip", "-dc", "/usr/share/doc/" + name + "/changelog.Debian.gz"}, stop);
  if (build.changelog.find("(" + package + ")") == std::string::npos) build.changelog.clear();
  return build;
}

Finding judge_tinyproxy(const TinyproxyBuild& build) {
  const std::string title =
      "tinyproxy " + printable(build.package.empty() ? build.version : build.package, 60);
  const auto version = Version::find_in(build.version);
  if (!version)
    return {"proxy-defects", FindingStatus::not_checked,
            "known defects of tinyproxy: it does not tell its version", "", true};
  std::vector<std::string> open;
  std::vector<std::string> mended;
  Version last;
  bool grave = false;
  for (const Defect& defect : known_defects()) {
    if (defect.last < *version) continue;
    if (is_mended(defect, build)) {
      mended.push_back(join(defect.names, ", "));
      continue;
    }
    open.push_back(join(defect.names, ", ") + ": " + defect.what + "; here, " + defect.outcome);
    last = std::max(last, defect.last);
    grave = grave || defect.grave;
  }
  const std::string also =
      mended.empty() ? "" : " (mended in it, as its package says: " + join(mended, ", ") + ")";
  if (open.empty())
    return {"proxy-defects", FindingStatus::ok, title + " has no defect that this drydock knows of" + also,
            "", true};
  return {"proxy-defects", FindingStatus::note,
          title + " has known defects by its version" + also + ". " + join(open, ". "),
          "upgrade tinyproxy-bin to a version newer than " + last.to_string() +
              ", or one that names these as mended; the next run makes the sidecar's image of it",
          !grave};
}

}  // namespace drydock::core
