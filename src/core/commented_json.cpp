#include "core/commented_json.hpp"

#include <utility>

namespace drydock::core {
namespace {

constexpr int deepest = 32;

}  // namespace

std::optional<Json> parse_commented_json(std::string_view text) {
  const auto shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= deepest; };
  Json json = Json::parse(text, shallow, false, true);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

}  // namespace drydock::core
