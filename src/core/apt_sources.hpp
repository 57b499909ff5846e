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

// Those that serve this release: a suite of it (itself, -updates, -security) and the distribution's
// components only, whatever key signs them. A mirror of a company's is one, and so is another's source that
// names suite and component as the distribution does.
std::vector<AptSource> release_sources(const std::vector<AptSource>& sources,
                                       const Distribution& distribution);

// Of these those that are the distribution's own: no key but its. So third parties stay out, and mirrors and
// local copies stay in.
std::vector<AptSource> distribution_sources(const std::vector<AptSource>& sources,
                                            const Distribution& distribution);

// What signs it: the names of key files, or what else it says; empty when it says nothing.
std::string signer_of(const AptSource& source);

// The mirrors in a list of them, as mirror+file: has it: the preferred ones first.
std::vector<std::string> parse_mirror_list(std::string_view text);
// With the mirrors of the lists that are files here in the place of mirror+file: addresses: all of them, or
// the preferred one alone. One whose list has none stays as it is.
enum class Mirrors { all, preferred };
std::vector<AptSource> with_mirrors(const std::vector<AptSource>& sources, Mirrors which);

// As a deb822 file.
std::string render_apt_sources(const std::vector<AptSource>& sources);

// Fit to be kept in an image: network addresses only, without user names and passwords.
std::vector<AptSource> public_sources(const std::vector<AptSource>& sources);

}  // namespace drydock::core
