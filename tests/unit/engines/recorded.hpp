// Answers of real engines (tests/golden/record.sh), and the session that they are about.
#pragma once

#include <string>

#include "base/json.hpp"
#include "runtime/types.hpp"

namespace drydock::test {

std::string golden_text(const std::string& name);  // "docker/agent.json"
Json golden(const std::string& name);
// The same as `actual`, or a failure that shows it. With DRYDOCK_ACCEPT=1 the file is written instead, and
// the test fails all the same.
void expect_golden(const std::string& name, const Json& actual);

// A container that uses every member of a Spec.
runtime::ContainerSpec full_spec();

// What was asked for when the recorded session was made. Written down here and not planned anew: plans go on,
// a recording stays.
struct Asked {
  runtime::ContainerSpec agent;
  runtime::ContainerSpec sidecar;
  runtime::NetworkSpec internal;
  runtime::NetworkSpec egress;
};
Asked recorded_request(const std::string& engine, const runtime::EngineInfo& info);

}  // namespace drydock::test
