// The project folder: resolved, judged (INV-1) and named.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace drydock::core {

struct Project {
  std::string path;  // real path: no symlinks, no trailing slash
  std::string name;  // the folder's name made fit for object names: [a-z0-9-], never empty
  std::string key;   // name plus a short hash of the path
};

// Folders that are never mounted, nor anything that contains one of them or lies inside it (INV-1):
// credentials, drydock's own configuration, agents' sockets. Absolute paths; those that exist are resolved.
std::vector<std::string> protected_paths();

// Why a folder may not be a project, or nothing. `path` is a real path.
std::optional<std::string> mount_refusal(const std::string& path);
// The parts of it that hold for whatever is mounted: that it is, contains or lies in what INV-1 names; that
// it is one of the system's folders that hold everybody's things.
std::optional<std::string> credential_refusal(const std::string& path);
std::optional<std::string> shared_folder_refusal(const std::string& path);

// Whether the configuration knows another project of that name, so that files keyed by the bare name
// (egress-allowlist-<name>, dood/<name>) do not say which they are for. It knows those that it has files of.
bool is_bare_name_taken(const Project& project);

// Throws Error(invalid) when it is missing or no folder, Error(refused) when INV-1 forbids it.
Project resolve_project(const std::string& directory);

}  // namespace drydock::core
