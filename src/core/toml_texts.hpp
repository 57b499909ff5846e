// Of a file of TOML the texts: what the settings of some agents are written in. toml++ 3.3, which Debian 12
// has, ends the program at some of what is no TOML ("[,"), and a session may have written it.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.hpp"

namespace drydock::core {

// Its tables as objects, with those values that are texts; numbers, dates, lists and lists of tables are left
// out. Nothing for what is no TOML as far as it was looked at, and for what is nested too deeply.
std::optional<Json> read_toml_texts(std::string_view text);

}  // namespace drydock::core
