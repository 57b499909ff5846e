// The last look at a plan before the engine is touched: does it keep the invariants (mission, INV-1 …)?
#pragma once

#include <string>
#include <vector>

#include "core/plan.hpp"

namespace drydock::core {

// One sentence for each breach, beginning with the invariant's number; empty when the plan is sound. Looks at
// the plan alone, not at how it came to be.
std::vector<std::string> broken_invariants(const Plan& plan);

// Throws Error(internal) that lists the breaches.
void require_sound(const Plan& plan);

}  // namespace drydock::core
