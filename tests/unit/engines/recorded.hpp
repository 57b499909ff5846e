// Answers of real engines (tests/golden/record.sh), and the session that they are about.
#pragma once

#include <string>

#include "base/json.hpp"
#include "core/plan.hpp"

namespace drydock::test {

std::string golden_text(const std::string& name);  // "docker/agent.json"
Json golden(const std::string& name);
// The same as `actual`, or a failure that shows it. With DRYDOCK_ACCEPT=1 the file is written instead, and
// the test fails all the same.
void expect_golden(const std::string& name, const Json& actual);

// A container that uses every member of a Spec.
runtime::ContainerSpec full_spec();

// The plan that the recorded session followed, built anew from what its labels say.
core::Plan recorded_plan(const std::string& engine, const runtime::EngineInfo& info);

}  // namespace drydock::test
