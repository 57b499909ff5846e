// Contained or dood: who decides, and why. A pure function; the first rule that decides wins and any conflict
// is contained.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/project.hpp"

namespace drydock::core {

enum class Mode {
  contained,  // the egress jail (INV-9)
  dood,       // the engine's socket and the host's network: no jail (INV-6)
};

std::string_view to_string(Mode mode);

struct ModeInputs {
  std::optional<Mode> flag;                // --mode
  std::optional<std::string> dood_env;     // $DRYDOCK_DOOD; only the literal "1" counts
  std::optional<std::string> contain_env;  // $DRYDOCK_CONTAIN; likewise
  bool dood_pin = false;
  bool contain_pin = false;
  bool default_dood = false;
};

struct ModeDecision {
  Mode mode = Mode::contained;
  std::string reason;
};

ModeDecision resolve_mode(const ModeInputs& inputs);

// Reads the two variables and the pins below the configuration folder: {dood,contain}/<key> or <name>, and
// default-dood; without a project the latter alone. The bare name of dood/<name> counts where no other
// project has it; that of contain/<name> always, for it opens nothing.
ModeInputs mode_inputs(std::optional<Mode> flag, const Project* project);

}  // namespace drydock::core
