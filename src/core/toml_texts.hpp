// Of a file of TOML the texts: what the settings of some agents are written in.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.hpp"

namespace drydock::core {

// Its tables as objects, with those values that are texts; numbers, dates, lists and lists of tables are left
// out. Nothing for what is no TOML as far as it was looked at, and for what is nested too deeply.
std::optional<Json> read_toml_texts(std::string_view text);

}  // namespace drydock::core
