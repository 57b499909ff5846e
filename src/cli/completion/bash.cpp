#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "cli/completion/completion.hpp"
#include "cli/completion/words.hpp"

namespace drydock::cli {
namespace {

// As the user may write them: for what takes a value the letters too.
std::string dashed(const std::vector<OptionWords>& options, bool with_value_only) {
  std::vector<std::string> words;
  for (const OptionWords& option : options) {
    if (with_value_only && option.value.empty()) continue;
    words.push_back("--" + option.name);
    if (with_value_only && !option.letter.empty()) words.push_back("-" + option.letter);
  }
  return join(words, " ");
}

std::string reply_of_words(const std::string& words) {
  return "mapfile -t COMPREPLY < <(compgen -W " + words + " -- \"$cur\")";
}

std::string reply_of_value(const OptionWords& option) {
  if (!option.choices().empty()) return reply_of_words(single_quoted(option.choices()));
  if (option.is_folder()) return "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
  if (option.is_file()) return "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
  return {};
}

void write_commands(const std::vector<CommandWords>& commands, std::ostream& script) {
  script
      << "_drydock_command() { # NAME: sets options, valued, operand; fails when there is no such command\n"
         "  case $1 in\n";
  for (const CommandWords& command : commands) {
    // Without a command, what stands there is for run.
    script << "    " << single_quoted(command.name) << (command.name == "run" ? " | ''" : "")
           << ")\n      options=" << single_quoted(dashed(command.options, false))
           << "\n      valued=" << single_quoted(dashed(command.options, true))
           << "\n      operand=" << single_quoted(command.operand) << " ;;\n";
  }
  script << "    *) return 1 ;;\n  esac\n  options+=" << single_quoted(" " + dashed(global_words(), false))
         << "\n  valued+=" << single_quoted(" " + dashed(global_words(), true)) << "\n}\n\n";
}

void write_values(const std::vector<CommandWords>& commands, std::ostream& script) {
  script << "_drydock_value() { # OPTION: completes its value\n  case $1 in\n";
  std::vector<OptionWords> options = global_words();
  for (const CommandWords& command : commands) {
    options.insert(options.end(), command.options.begin(), command.options.end());
  }
  std::vector<std::string> done;
  for (const OptionWords& option : options) {
    const std::string reply = option.value.empty() ? "" : reply_of_value(option);
    if (reply.empty() || std::find(done.begin(), done.end(), option.name) != done.end()) continue;
    done.push_back(option.name);
    script << "    --" << option.name << (option.letter.empty() ? "" : " | -" + option.letter) << ") "
           << reply << " ;;\n";
  }
  script << "  esac\n}\n\n";
}

}  // namespace

std::string bash_completion() {
  std::ostringstream script;
  const auto commands = all_commands();
  script << "# bash completion for drydock\n\n";
  write_commands(commands, script);
  write_values(commands, script);
  script << R"(_drydock() {
  local cur=${COMP_WORDS[COMP_CWORD]} command='' word i options valued operand
  COMPREPLY=()
  _drydock_command ''
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
      return
    elif [[ " $valued " == *" $word "* ]]; then
      if ((++i == COMP_CWORD)); then
        _drydock_value "$word"
        return
      fi
    elif [[ $word != -* ]] && _drydock_command "${command:+$command }$word"; then
      command=${command:+$command }$word
    fi
  done
  if [[ $cur == -* ]]; then
    )" << reply_of_words("\"$options\"")
         << R"(
    return
  fi
  case $command:$operand in
    :*) )"
         << reply_of_words(single_quoted(join(top_level(commands), " "))) << R"( ;;
    *:folder) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *:session) )"
         << reply_of_words("\"$(" + std::string(session_words) + ")\"") << R"( ;;
    *) )" << reply_of_words("\"$operand\"")
         << R"( ;;
  esac
}

complete -o filenames -o bashdefault -F _drydock drydock
)";
  return script.str();
}

}  // namespace drydock::cli
