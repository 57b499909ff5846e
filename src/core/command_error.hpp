// Engines do not name a command that could not be run in a way that users know it by.
#pragma once

#include <string>

#include "base/error.hpp"

namespace drydock::core {

// Throws `error` anew: with the command's name and what to do about it if it is command_not_found or
// command_not_executable, and as it is otherwise. To be called where `error` is handled.
[[noreturn]] void rethrow_naming(const std::string& command, const Error& error);

// What `action` returns, or its error as above.
template <typename Action>
auto naming_command(const std::string& command, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    rethrow_naming(command, error);
  }
}

}  // namespace drydock::core
