// Podman's JSON and drydock's values.
#pragma once

#include "base/json.hpp"
#include "runtime/types.hpp"

namespace drydock::podman {

// The body of POST /libpod/containers/create (Podman's SpecGenerator).
Json to_create_body(const runtime::ContainerSpec& spec, const runtime::EngineInfo& engine);
runtime::ContainerReport to_container_report(const Json& json);
runtime::ContainerSummary to_container_summary(const Json& json);

}  // namespace drydock::podman
