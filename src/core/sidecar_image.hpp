// The sidecar's image: the distribution's own tinyproxy, drydock's guard, and the libraries they need, and
// nothing else. It is made on this machine from what is installed; no registry is asked.
#pragma once

#include <string>

#include "core/own_image.hpp"
#include "runtime/engine.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

inline constexpr const char* image_tinyproxy_label = "io.drydock.tinyproxy";  // its version

// Where the image expects the session's files: tinyproxy.conf and filter.
inline constexpr const char* sidecar_config_directory = "/etc/drydock";
inline constexpr unsigned sidecar_uid = 65534;
inline constexpr unsigned sidecar_gid = 65534;

// The tinyproxy that images are made of. Throws Error(not_found) when it is not installed.
struct Tinyproxy {
  std::string path;
  std::string version;  // "1.11.1"
};
Tinyproxy installed_tinyproxy(const StopSource* stop = nullptr);

// Its reference is localhost/drydock-egress:<drydock version>-<tinyproxy version>.
using SidecarImage = OwnImage;

// The guard's program: next to drydock's own, or in ../libexec/drydock from there. Throws Error(not_found).
std::string find_guard_program();

// The tag that this machine's tinyproxy gives. Throws Error(not_found) when tinyproxy is not installed.
std::string sidecar_image_reference(const StopSource* stop = nullptr);

// What this machine would make now, whether an engine has it or not. Throws Error(not_found) when tinyproxy,
// the guard or a library of theirs is not there.
SidecarImage wanted_sidecar_image(const StopSource* stop = nullptr);

// Makes sure that the engine has the image that this machine's tinyproxy gives; builds and loads it if not,
// or if `rebuild` is set.
SidecarImage ensure_sidecar_image(runtime::Engine& engine, bool rebuild = false,
                                  const StopSource* stop = nullptr);

}  // namespace drydock::core
