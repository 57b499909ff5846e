// JSON as settings of editors and agents have it: comments may be in it.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.hpp"

namespace drydock::core {

// An object, without what is nested more than 32 deep; nothing for any other text.
std::optional<Json> parse_commented_json(std::string_view text);

}  // namespace drydock::core
