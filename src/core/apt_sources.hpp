// The machine's own package sources, as apt knows them: enough to make a root file system from the same
// mirrors.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct Distribution {
  std::string id;        // "debian", "ubuntu"
  std::string codename;  // "bookworm"
};

// The values of an os-release file.
Distribution parse_os_release(std::string_view text);
// This machine's, whichever it is; without an os-release file empty.
Distribution named_distribution();
// Whether it is Debian or Ubuntu, of a release with a name.
bool is_known(const Distribution& distribution);
// This machine's. Throws Error(unsupported) when it is not known.
Distribution this_distribution();

// One binary source: what a "deb" line or a deb822 stanza says.
struct AptSource {
  std::vector<std::string> uris;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  std::map<std::string, std::string> options;  // by deb822 name: "Signed-By", "Trusted"
  friend bool operator==(const AptSource&, const AptSource&) = default;
};

// The enabled binary sources of a *.list file, or of a *.sources file (deb822). What cannot be read is left
// out.
std::vector<AptSource> parse_apt_list(std::string_view text);
std::vector<AptSource> parse_apt_deb822(std::string_view text);
// Those of sources.list and sources.list.d below `directory`, as apt reads them.
std::vector<AptSource> read_apt_sources(const std::string& directory = "/etc/apt");

// Those that are the distribution's own: a suite of this release (itself, -updates, -security), the
// distribution's components only, and no key but the distribution's. So third parties stay out, and mirrors
// and local copies stay in.
std::vector<AptSource> distribution_sources(const std::vector<AptSource>& sources,
                                            const Distribution& distribution);

// A source's address without user name and password.
std::string without_credentials(const std::string& uri);

// As a deb822 file.
std::string render_apt_sources(const std::vector<AptSource>& sources);

// Fit to be kept in an image: network addresses only, without user names and passwords.
std::vector<AptSource> public_sources(const std::vector<AptSource>& sources);

}  // namespace drydock::core
