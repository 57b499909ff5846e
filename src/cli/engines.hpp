// The engines that drydock knows. A new one is its folder and a line in engines.cpp.
#pragma once

#include "core/selection.hpp"

namespace drydock::cli {

// In order of preference.
core::Providers make_providers();

}  // namespace drydock::cli
