// A sound request for a session and its plan, for tests that break one thing in it.
#pragma once

#include "core/plan.hpp"

namespace drydock::test {

// Contained, on a rootless Podman that enforces every limit, allowing example.org and *.example.com.
core::PlanRequest sample_request();
// The same on Docker, in dood mode.
core::PlanRequest sample_dood_request();

}  // namespace drydock::test
