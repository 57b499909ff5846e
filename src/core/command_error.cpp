#include "core/command_error.hpp"

#include "base/text.hpp"

namespace drydock::core {

void rethrow_naming(const std::string& command, const Error& error) {
  const std::string message = "cannot run command '" + printable(command, 200) + "': ";
  if (error.kind() == ErrorKind::command_not_found) {
    throw Error(error.kind(), message + "it was not found in the container",
                "see that the image has it, or name it by its path")
        .add_note(error.what());
  }
  if (error.kind() == ErrorKind::command_not_executable) {
    throw Error(error.kind(), message + "it is not an executable file", "see its mode and its first line")
        .add_note(error.what());
  }
  throw;
}

}  // namespace drydock::core
