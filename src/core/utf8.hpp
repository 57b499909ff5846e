#pragma once

#include "base/utf8.hpp"

namespace drydock::core {

using drydock::is_utf8;
using drydock::one_line;
using drydock::take_code_point;

}  // namespace drydock::core
