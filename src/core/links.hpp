// Folders and files beside a project that each of its sessions sees at their own paths: `drydock link`. They
// are kept in projects/<key>/links of the configuration folder, a line each: "ro PATH" or "rw PATH".
#pragma once

#include <string>
#include <vector>

#include "core/view.hpp"

namespace drydock::core {

std::string links_file(const Project& project);

// In the order of their paths; none when there is no file. Throws Error(invalid) "cannot read links
// '<file>:<line>': <reason>".
std::vector<Link> read_links(const Project& project);

// Why a session could not have it, or nothing.
std::string link_fault(const Project& project, const Link& link);

struct LinkChange {
  Link link;
  bool changed = false;
};

// Adds one, or changes whether it is read-only. `path` may be relative, and is resolved. Throws Error as
// resolve_view does for what no session could have beside the others; nothing is written then.
LinkChange add_link(const Project& project, const std::string& path, bool read_only);
// Whatever stands there now. Throws Error(not_found) when it was not linked.
LinkChange remove_link(const Project& project, const std::string& path);

}  // namespace drydock::core
