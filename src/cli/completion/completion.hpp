// Completion scripts for shells, made of the table of commands, so that they know what the parser knows.
#pragma once

#include <string>

namespace drydock::cli {

// bash(1), Programmable Completion.
std::string bash_completion();
// zshcompsys(1): a function file for $fpath.
std::string zsh_completion();
// fish-completions(1).
std::string fish_completion();

}  // namespace drydock::cli
