// What Docker's and Podman's inspect say in the same words: Podman's was made after Docker's. Sources: Docker
// Engine API, ContainerInspect; libpod API, ContainerInspectLibpod.
#pragma once

#include <functional>
#include <string>

#include "base/json.hpp"
#include "runtime/types.hpp"

namespace drydock::runtime {

// The string members of an object; null is none.
Labels to_labels(const Json* object);
std::string without_cap_prefix(std::string capability);
// A file mode as mount options have it: "1777".
std::string octal(unsigned mode);

// Everything but capabilities, CPU limits, sysctls and what only one engine knows. `state_of` knows the
// engine's words for a container's state. Throws Error(protocol) when there is no id.
ContainerReport read_inspect(const Json& json,
                             const std::function<ContainerState(const std::string&)>& state_of);

// An image's inspect; annotations, which Podman alone reports, included. Throws Error(protocol) when there is
// no id.
ImageReport read_image_inspect(const Json& json);
// A listing of images.
std::vector<ImageSummary> read_image_list(const Json& json);

}  // namespace drydock::runtime
