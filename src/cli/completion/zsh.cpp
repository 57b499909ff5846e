#include <sstream>

#include "base/text.hpp"
#include "cli/completion/completion.hpp"
#include "cli/completion/words.hpp"

namespace drydock::cli {
namespace {

// zshcompsys(1), _arguments: what these mean in a specification.
std::string escaped(std::string text) {
  for (const char* special : {"\\", "[", "]", ":"})
    text = replace_all(text, special, std::string("\\") + special);
  return text;
}

std::string specification(const OptionWords& option) {
  std::string action;
  if (!option.value.empty()) {
    action = ":" + escaped(option.value) + ":";
    if (!option.choices().empty()) action += "(" + option.choices() + ")";
    if (option.is_folder()) action += "_files -/";
    if (option.is_file()) action += "_files";
  }
  const std::string rest = "[" + escaped(option.help) + "]" + action;
  std::string text = single_quoted("*--" + option.name + rest);
  if (!option.letter.empty()) text += " " + single_quoted("*-" + option.letter + rest);
  return text;
}

std::string specification_of_operand(const std::string& operand) {
  if (operand == "folder") return "'*:folder:_files -/'";
  if (operand == "session") return "'*:session:_drydock_sessions'";
  return operand.empty() ? "" : single_quoted("*:word:(" + operand + ")");
}

}  // namespace

std::string zsh_completion() {
  std::ostringstream script;
  const auto commands = all_commands();
  script << "#compdef drydock\n\n_drydock_sessions() {\n  local -a sessions\n  sessions=(${(f)\"$("
         << session_words << ")\"})\n  compadd -a sessions\n}\n\n_drydock() {\n"
         << "  local -a commands global\n  commands=(\n";
  for (const CommandWords& command : commands) {
    if (command.group().empty())
      script << "    " << single_quoted(command.name + ":" + escaped(command.summary)) << "\n";
  }
  script << "  )\n  global=(\n";
  for (const OptionWords& option : global_words()) script << "    " << specification(option) << "\n";
  const std::string names = join(top_level(commands), "|");
  script << "  )\n  local command=${words[(r)(" << names << ")]}\n"
         << R"(  if [[ -z $command || $CURRENT -le ${words[(i)$command]} ]]; then
    _arguments $global '1:command:{_describe command commands}'
    return
  fi
  case "$command ${words[$((${words[(i)$command]} + 1))]}" in
)";
  // Those of a group first: their patterns are the narrower ones.
  for (const bool in_group : {true, false}) {
    for (const CommandWords& command : commands) {
      if (command.group().empty() == in_group) continue;
      script << "    " << single_quoted(command.name) << (in_group ? "" : "\\ *")
             << ")\n      _arguments $global \\\n";
      for (const OptionWords& option : command.options)
        script << "        " << specification(option) << " \\\n";
      script << "        '1: :' " << (in_group ? "'2: :' " : "") << specification_of_operand(command.operand)
             << " ;;\n";
    }
  }
  script << "  esac\n}\n\n_drydock \"$@\"\n";
  return script.str();
}

}  // namespace drydock::cli
