// JSON through checked getters: a missing key or a wrong type is an Error that names the key, never an abort.
// Unknown keys are ignored; `null` counts as absent, since both engines write null for empty lists and maps.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drydock {

using Json = nlohmann::json;

// Parses text. Nesting deeper than 128 and text that is not JSON are ErrorKind::protocol, "cannot read
// <what>: <reason>", the latter with line and column (in octets) where the fault shows.
Json parse_json(std::string_view text, std::string_view what);

// The member, or nullptr when it is absent or null, or when `object` is no object.
const Json* find_member(const Json& object, std::string_view key);
// Follows keys from object to object.
const Json* find_path(const Json& object, std::initializer_list<std::string_view> path);

std::string require_string(const Json& object, std::string_view key);
std::string string_or(const Json& object, std::string_view key, std::string fallback = {});
bool bool_or(const Json& object, std::string_view key, bool fallback);
std::int64_t int_or(const Json& object, std::string_view key, std::int64_t fallback);
// The strings of an array member; anything that is not a string is left out.
std::vector<std::string> strings_or_empty(const Json& object, std::string_view key);

}  // namespace drydock
