#pragma once

#include <string>

#include "cli/command.hpp"

namespace drydock::cli {

std::string general_help();
std::string command_help(const Command& command);

}  // namespace drydock::cli
