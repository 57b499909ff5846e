// From argv to a command and its options. Nothing is guessed: option names are given whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace drydock::cli {

struct CommandLine {
  GlobalOptions global;
  const Command* command = nullptr;
  po::variables_map values;
  std::vector<std::string> operands;
  std::optional<std::vector<std::string>> container_command;
};

// Throws Error(usage) for what is not understood; the message names the nearest option or command. `partial`
// is filled as far as parsing came, so that an error can be reported as --json asks.
CommandLine parse_command_line(const std::vector<std::string>& arguments, GlobalOptions& partial);

// The options that every command takes.
po::options_description global_options();

}  // namespace drydock::cli
