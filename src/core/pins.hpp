// Mode pins: what the user has decided for a project, or for all of them, as files below the configuration
// folder. mode_inputs() reads them.
#pragma once

#include <optional>
#include <string>

#include "core/mode.hpp"
#include "core/project.hpp"

namespace drydock::core {

struct PinChange {
  std::string file;              // what was made or removed
  bool changed = false;          // false: it was that way already
  std::optional<Mode> replaced;  // the other mode, whose pin was removed
};

// Pins the project to a mode; a pin to the other mode goes. Throws Error(invalid).
PinChange pin_project(const Project& project, Mode mode);
// Takes the pin to this mode back.
PinChange unpin_project(const Project& project, Mode mode);
// What a session is when nothing else decides.
PinChange set_default_mode(Mode mode);

}  // namespace drydock::core
