// Settings that a session may have written, and that drydock only tells of: git's, VS Code's tasks, an
// agent's TOML and JSON. Whatever they hold, what is found is whole lines of theirs, and nothing is nested
// deeply.
#include "core/commented_json.hpp"
#include "core/planted.hpp"
#include "core/toml_texts.hpp"
#include "fuzz.hpp"

using drydock::fuzz::require;

namespace {

// Texts in tables, and nothing else.
void require_texts(const drydock::Json& table, int depth) {
  require(table.is_object() && depth < 600);
  for (const auto& member : table.items()) {
    if (!member.value().is_string()) require_texts(member.value(), depth + 1);
  }
}

// "SECTION.KEY = VALUE"; the section may have an equals sign, too.
bool ends_as_the_file_says(const std::string& setting, std::string_view text) {
  for (auto equals = setting.find(" = "); equals != std::string::npos;
       equals = setting.find(" = ", equals + 1)) {
    if (text.find(setting.substr(equals + 3)) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = drydock::fuzz::text(data, size);
  for (const std::string& setting : drydock::core::programs_of_git_config(text)) {
    require(setting.find('\n') == std::string::npos);
    require(ends_as_the_file_says(setting, text));
  }
  for (const std::string& command : drydock::core::commands_of_tasks(text)) require(command.size() <= size);
  for (const std::string& command : drydock::core::commands_of_settings(text)) require(command.size() <= size);
  if (const auto json = drydock::core::parse_commented_json(text)) require(json->is_object());
  if (const auto toml = drydock::core::read_toml_texts(text)) require_texts(*toml, 0);
  return 0;
}
