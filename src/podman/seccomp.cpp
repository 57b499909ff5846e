#include "podman/seccomp.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "base/error.hpp"

namespace drydock::podman {
namespace {

constexpr const char* allow = "SCMP_ACT_ALLOW";
constexpr const char* refuse = "SCMP_ACT_ERRNO";

constexpr std::array withheld{"unshare",    "setns",     "mount",      "umount",        "umount2",
                              "pivot_root", "open_tree", "move_mount", "mount_setattr", "fsopen",
                              "fsconfig",   "fsmount",   "fspick",     "clone",         "clone3"};

// The CLONE_NEW* flags of clone(2).
constexpr std::uint64_t namespace_flags = 0x7E020000;

Json refusal(std::vector<std::string> names, int errno_value) {
  return {{"names", std::move(names)}, {"action", refuse}, {"errnoRet", errno_value}};
}

bool names_withheld(const Json& name) {
  return name.is_string() &&
         std::find(withheld.begin(), withheld.end(), name.get<std::string>()) != withheld.end();
}

}  // namespace

Json without_namespaces(Json profile) {
  constexpr int no_permission = 1;  // EPERM
  constexpr int no_such_call = 38;  // ENOSYS: the C library then falls back to clone
  Json kept = Json::array();
  if (const Json* calls = find_member(profile, "syscalls")) {
    for (Json entry : *calls) {
      Json names = Json::array();
      for (const Json& name : entry.value("names", Json::array())) {
        if (!names_withheld(name)) names.push_back(name);
      }
      if (names.empty()) continue;
      entry["names"] = std::move(names);
      kept.push_back(std::move(entry));
    }
  }
  std::vector<std::string> refused(withheld.begin(), withheld.end());
  refused.erase(std::remove_if(refused.begin(), refused.end(),
                               [](const std::string& name) { return name == "clone" || name == "clone3"; }),
                refused.end());
  kept.push_back(refusal(std::move(refused), no_permission));
  kept.push_back(refusal({"clone3"}, no_such_call));
  // s390 has the flags in the second argument.
  for (const auto& [index, when] : {std::pair{0, "excludes"}, std::pair{1, "includes"}}) {
    kept.push_back({{"names", {"clone"}},
                    {"action", allow},
                    {"args", Json::array({{{"index", index},
                                           {"value", namespace_flags},
                                           {"valueTwo", 0},
                                           {"op", "SCMP_CMP_MASKED_EQ"}}})},
                    {when, {{"arches", {"s390", "s390x"}}}}});
  }
  profile["syscalls"] = std::move(kept);
  return profile;
}

bool allows_unshare(const Json& oci_seccomp) {
  if (string_or(oci_seccomp, "defaultAction") == allow) return true;
  const Json* calls = find_member(oci_seccomp, "syscalls");
  if (calls == nullptr) return false;
  return std::any_of(calls->begin(), calls->end(), [](const Json& entry) {
    const auto names = strings_or_empty(entry, "names");
    return string_or(entry, "action") == allow &&
           std::find(names.begin(), names.end(), "unshare") != names.end();
  });
}

Json default_profile(const std::string& path) {
  for (const std::string& candidate : {path, std::string("/etc/containers/seccomp.json"),
                                       std::string("/usr/share/containers/seccomp.json")}) {
    std::ifstream file(candidate);
    if (candidate.empty() || !file) continue;
    std::ostringstream text;
    text << file.rdbuf();
    return parse_json(text.str(), "the seccomp profile '" + candidate + "'");
  }
  throw Error(ErrorKind::unsupported,
              "cannot find Podman's seccomp profile: no file of the usual names is there",
              "install containers-common (Debian: golang-github-containers-common)");
}

}  // namespace drydock::podman
