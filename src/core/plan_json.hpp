// A plan as JSON: what --dry-run --json prints. "schema" is raised when a member changes its meaning or goes.
#pragma once

#include <string>

#include "base/json.hpp"
#include "core/plan.hpp"

namespace drydock::core {

Json to_json(const Plan& plan);

// For people: one fact a line.
std::string to_text(const Plan& plan);

}  // namespace drydock::core
