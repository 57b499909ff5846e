// Docker's JSON and drydock's values.
#pragma once

#include "base/json.hpp"
#include "runtime/types.hpp"

namespace drydock::docker {

// The body of POST /containers/create. Networks but the first are connected afterwards: engines before
// API 1.44 take one endpoint only.
Json to_create_body(const runtime::ContainerSpec& spec);
Json to_endpoint(const runtime::NetworkAttachment& attachment);
runtime::ContainerReport to_container_report(const Json& json);
runtime::ContainerSummary to_container_summary(const Json& json);

}  // namespace drydock::docker
