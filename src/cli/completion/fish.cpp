#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "cli/completion/completion.hpp"
#include "cli/completion/words.hpp"

namespace drydock::cli {
namespace {

constexpr const char* seen = "__fish_seen_subcommand_from ";

void write_option(const std::string& condition, const OptionWords& option, std::ostream& script) {
  script << "complete -c drydock" << condition << " -l " << option.name;
  if (!option.letter.empty()) script << " -s " << option.letter;
  if (!option.value.empty()) script << (option.is_file() || option.is_folder() ? " -r -F" : " -x");
  if (!option.choices().empty()) script << " -a " << single_quoted(option.choices());
  script << " -d " << single_quoted(option.help) << "\n";
}

std::string operand_words(const std::string& operand) {
  if (operand == "folder") return "'(__fish_complete_directories)'";
  if (operand == "session") return "'(__drydock_sessions)'";
  return operand.empty() ? "" : single_quoted(operand);
}

std::vector<std::string> groups_of(const std::vector<CommandWords>& commands) {
  std::vector<std::string> groups;
  for (const CommandWords& command : commands) {
    const std::string group = command.group();
    if (!group.empty() && (groups.empty() || groups.back() != group)) groups.push_back(group);
  }
  return groups;
}

void write_command(const CommandWords& command, const std::vector<CommandWords>& commands,
                   std::ostream& script) {
  const auto groups = groups_of(commands);
  std::string offered = "not " + (seen + join(top_level(commands), " "));
  std::string when = seen + command.name;
  if (!command.group().empty()) {
    offered = seen + command.group();
    when = offered + "; and " + seen + command.last_word();
  } else if (!groups.empty() && std::find(groups.begin(), groups.end(), command.name) == groups.end()) {
    when += "; and not " + (seen + join(groups, " "));
  }
  script << "complete -c drydock -n " << single_quoted(offered) << " -a " << command.last_word() << " -d "
         << single_quoted(command.summary) << "\n";
  const std::string condition = " -n " + single_quoted(when);
  for (const OptionWords& option : command.options) write_option(condition, option, script);
  const bool is_group = std::find(groups.begin(), groups.end(), command.name) != groups.end();
  const std::string words = operand_words(command.operand);
  if (!words.empty() && !is_group) script << "complete -c drydock" << condition << " -a " << words << "\n";
}

}  // namespace

std::string fish_completion() {
  std::ostringstream script;
  script << "# fish completion for drydock\n\nfunction __drydock_sessions\n    " << session_words
         << "\nend\n\ncomplete -c drydock -f\n";
  for (const OptionWords& option : global_words()) write_option("", option, script);
  const auto commands = all_commands();
  for (const CommandWords& command : commands) write_command(command, commands, script);
  return script.str();
}

}  // namespace drydock::cli
