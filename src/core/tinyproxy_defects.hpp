// Known defects of tinyproxy, of which the sidecar's image is made: by version, and by what the package says
// that its distribution has mended. Each is told with what it comes to behind the guard (docs/guard.md),
// whose clients are agents alone.
#pragma once

#include <string>

#include "runtime/finding.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

// The tinyproxy that a machine has. What is not known is empty.
struct TinyproxyBuild {
  std::string version;    // "1.11.1", its own words
  std::string package;    // "1.11.1-2.1+deb12u1": the version of the package that it is from
  std::string changelog;  // that package's, of the distribution
};

// `path` and `version` as installed_tinyproxy() gives them. dpkg is asked, and no program but it and gzip.
TinyproxyBuild tinyproxy_build(const std::string& path, const std::string& version,
                               const StopSource* stop = nullptr);

runtime::Finding judge_tinyproxy(const TinyproxyBuild& build);

}  // namespace drydock::core
