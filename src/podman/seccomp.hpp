// The system call filter of a session's containers: the engine's own default profile, less what makes
// namespaces and mounts. Docker's default profile withholds these from a process without CAP_SYS_ADMIN;
// Podman's lets them through, and with them a good part of the kernel that only root could reach otherwise.
// Source: containers-common's seccomp.json; seccomp(2); clone(2).
#pragma once

#include <string>

#include "base/json.hpp"

namespace drydock::podman {

// `profile` in the format of containers-common and Docker.
Json without_namespaces(Json profile);

// Whether the seccomp part of an OCI runtime specification lets unshare(2) through.
bool allows_unshare(const Json& oci_seccomp);

// The profile that the engine names, or where distributions keep it. Throws Error(unsupported) when there is
// none to be read.
Json default_profile(const std::string& path);

}  // namespace drydock::podman
