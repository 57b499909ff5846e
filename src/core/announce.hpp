// What is said when a session has begun: where it runs, what it reaches, and what is in its agent's way.
#pragma once

#include <map>
#include <string>

#include "core/plan.hpp"
#include "core/run.hpp"
#include "core/talk.hpp"

namespace drydock::core {

// The profile's variables, those of the user's that it passes on, and on top what was asked for.
std::map<std::string, std::string> session_environment(const PreparedRun& run);

// Whether the session has something that its agent logs in with: a key, or a login that an earlier one left.
bool is_logged_in(const PreparedRun& run);

void announce(const PreparedRun& run, const Plan& plan, Talk& talk);

}  // namespace drydock::core
