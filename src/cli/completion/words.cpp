#include "cli/completion/words.hpp"

#include "base/text.hpp"
#include "cli/command_line.hpp"

namespace drydock::cli {
namespace {

std::vector<OptionWords> words_of(const po::options_description& description) {
  std::vector<OptionWords> options;
  for (const auto& option : description.options()) {
    OptionWords words;
    words.name = option->long_name();
    const std::string first = option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    if (first.size() == 2 && first.front() == '-') words.letter = first.substr(1);
    if (option->semantic()->max_tokens() > 0) words.value = option->semantic()->name();
    words.help = option->description();
    options.push_back(words);
  }
  return options;
}

void add_words(const Command& command, std::vector<CommandWords>& all) {
  po::options_description options;
  command.declare(options);
  all.push_back({command.name(), command.summary(), command.operand(), words_of(options)});
  if (command.subcommands().empty()) return;
  std::vector<std::string> members;
  const std::size_t group = all.size() - 1;
  for (const auto& member : command.subcommands()) {
    add_words(*member, all);
    members.push_back(all.back().last_word());
  }
  all[group].operand = join(members, " ");
}

}  // namespace

std::string OptionWords::choices() const {
  if (name == "runtime") return "auto podman docker";
  if (name == "log-level") return "error warn info debug trace";
  if (name == "mode") return "contained dood";
  return {};
}

std::string CommandWords::group() const {
  const auto blank = name.find(' ');
  return blank == std::string::npos ? "" : name.substr(0, blank);
}

std::string CommandWords::last_word() const { return name.substr(name.find(' ') + 1); }

std::vector<CommandWords> all_commands() {
  std::vector<CommandWords> all;
  for (const auto& command : commands()) add_words(*command, all);
  return all;
}

std::vector<OptionWords> global_words() { return words_of(global_options()); }

std::vector<std::string> top_level(const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  for (const CommandWords& command : commands) {
    if (command.group().empty()) names.push_back(command.name);
  }
  return names;
}

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string single_quoted(const std::string& text) { return "'" + replace_all(text, "'", "'\\''") + "'"; }

}  // namespace drydock::cli
