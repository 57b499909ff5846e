#include "cli/help.hpp"

#include <algorithm>
#include <sstream>

#include "cli/command_line.hpp"

namespace drydock::cli {

namespace {

// One line for each; `group` is left out of their names.
void list_commands(std::ostringstream& text, const std::vector<std::unique_ptr<Command>>& all,
                   const std::string& group) {
  const auto names_of = [&](const Command& command) {
    std::string names = command.name().substr(group.empty() ? 0 : group.size() + 1);
    for (const std::string& alias : command.aliases()) names += ", " + alias;
    return names;
  };
  std::size_t width = 10;
  for (const auto& command : all) width = std::max(width, names_of(*command).size());
  for (const auto& command : all) {
    const std::string names = names_of(*command);
    text << "  " << names << std::string(width - names.size() + 2, ' ') << command->summary() << "\n";
  }
}

}  // namespace

std::string general_help() {
  std::ostringstream text;
  text << "drydock runs a coding agent, or any command you do not fully trust, in a container that sees one\n"
          "project folder and reaches only the hosts you allowed.\n\n"
          "Usage: drydock [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGS] [-- CMD...]\n"
          "       drydock [RUN OPTIONS] [-- CMD...]        the same as drydock run\n\nCommands:\n";
  list_commands(text, commands(), {});
  text << "\n"
       << global_options()
       << "\nExit status of run and shell: the command's own; 125 drydock or the engine failed, 126 the "
          "command\n"
          "cannot be executed, 127 it was not found, 128+N it was ended by signal N, 124 its --timeout\n"
          "came, 2 wrong usage.\n";
  return text.str();
}

std::string command_help(const Command& command) {
  std::ostringstream text;
  text << "Usage: drydock " << command.name() << (command.synopsis().empty() ? "" : " ") << command.synopsis()
       << "\n\n"
       << command.summary() << "\n";
  if (!command.description().empty()) text << "\n" << command.description() << "\n";
  if (!command.subcommands().empty()) {
    text << "\nCommands:\n";
    list_commands(text, command.subcommands(), command.name());
  }
  po::options_description options("Options");
  command.declare(options);
  if (!options.options().empty()) text << "\n" << options;
  text << "\nExamples:\n";
  std::size_t width = 0;
  for (const Example& example : command.examples()) width = std::max(width, example.command.size());
  for (const Example& example : command.examples()) {
    text << "  " << example.command << std::string(width - example.command.size() + 2, ' ') << example.what
         << "\n";
  }
  text << "\n" << global_options();
  return text.str();
}

}  // namespace drydock::cli
