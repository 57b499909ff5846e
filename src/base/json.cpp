#include "base/json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace drydock {
namespace {

constexpr int max_depth = 128;

[[noreturn]] void wrong(std::string_view key, std::string_view problem) {
  throw Error(ErrorKind::protocol,
              "cannot read the answer: member '" + std::string(key) + "' " + std::string(problem));
}

// Where one is behind `text`, which has no octet of the fault.
std::string position(std::string_view text) {
  const auto line_begin = text.rfind('\n');  // npos + 1 is 0
  return "line " + std::to_string(1 + std::count(text.begin(), text.end(), '\n')) + ", column " +
         std::to_string(text.size() - (line_begin + 1) + 1);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  // nlohmann's parser recurses on destruction and copying, so depth is bounded before anything is built.
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth) {
        throw Error(ErrorKind::protocol, "cannot read " + std::string(what) + ": nested too deeply");
      }
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Error(ErrorKind::protocol, "cannot read " + std::string(what) + ": not valid JSON in " +
                                         position(text.substr(0, std::max<std::size_t>(error.byte, 1) - 1)));
  } catch (const Json::exception&) {
    throw Error(ErrorKind::protocol, "cannot read " + std::string(what) + ": not valid JSON");
  }
}

const Json* find_member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json* find_path(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view key : path) {
    at = find_member(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string require_string(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) wrong(key, "is missing");
  if (!member->is_string()) wrong(key, "is not a string");
  return member->get<std::string>();
}

std::string string_or(const Json& object, std::string_view key, std::string fallback) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return fallback;
  if (!member->is_string()) wrong(key, "is not a string");
  return member->get<std::string>();
}

bool bool_or(const Json& object, std::string_view key, bool fallback) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return fallback;
  if (!member->is_boolean()) wrong(key, "is not true or false");
  return member->get<bool>();
}

std::int64_t int_or(const Json& object, std::string_view key, std::int64_t fallback) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return fallback;
  if (!member->is_number()) wrong(key, "is not a number");
  if (member->is_number_unsigned()) {
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const auto value = member->get<std::uint64_t>();
    return value > largest ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(value);
  }
  if (member->is_number_integer()) return member->get<std::int64_t>();
  const auto value = member->get<double>();
  if (!std::isfinite(value) || value < -9.2e18 || value > 9.2e18) wrong(key, "is out of range");
  return static_cast<std::int64_t>(value);
}

std::vector<std::string> strings_or_empty(const Json& object, std::string_view key) {
  std::vector<std::string> strings;
  const Json* member = find_member(object, key);
  if (member == nullptr || !member->is_array()) return strings;
  for (const Json& element : *member) {
    if (element.is_string()) strings.push_back(element.get<std::string>());
  }
  return strings;
}

}  // namespace drydock
