// Reading back: what the engine says it made, against what was planned. Engines accept options that they do
// not know and settings that they do not apply; a 201 proves nothing.
#pragma once

#include <string>
#include <vector>

#include "runtime/types.hpp"

namespace drydock::core {

// Differences, one sentence each. Addresses are compared only when `running`: engines give them at the start.
std::vector<std::string> differences(const runtime::ContainerSpec& spec,
                                     const runtime::ContainerReport& report, bool running);
std::vector<std::string> differences(const runtime::NetworkSpec& spec, const runtime::NetworkReport& report);

// Throw Error(refused) that lists the differences.
void verify(const runtime::ContainerSpec& spec, const runtime::ContainerReport& report, bool running);
void verify(const runtime::NetworkSpec& spec, const runtime::NetworkReport& report);

}  // namespace drydock::core
