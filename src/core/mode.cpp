#include "core/mode.hpp"

#include <unistd.h>

#include <cstdlib>

#include "base/directories.hpp"

namespace drydock::core {
namespace {

bool is_set(const std::optional<std::string>& variable) { return variable == "1"; }

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

std::string_view to_string(Mode mode) { return mode == Mode::dood ? "dood" : "contained"; }

ModeDecision resolve_mode(const ModeInputs& inputs) {
  const bool dood_env = is_set(inputs.dood_env);
  const bool contain_env = is_set(inputs.contain_env);
  if (inputs.flag == Mode::dood && contain_env) {
    return {Mode::contained, "--mode dood and DRYDOCK_CONTAIN=1 contradict each other"};
  }
  if (inputs.flag == Mode::contained && dood_env) {
    return {Mode::contained, "--mode contained and DRYDOCK_DOOD=1 contradict each other"};
  }
  if (!inputs.flag && dood_env && contain_env) {
    return {Mode::contained, "DRYDOCK_DOOD=1 and DRYDOCK_CONTAIN=1 contradict each other"};
  }
  if (inputs.flag) return {*inputs.flag, "--mode " + std::string(to_string(*inputs.flag))};
  if (dood_env) return {Mode::dood, "DRYDOCK_DOOD=1"};
  if (contain_env) return {Mode::contained, "DRYDOCK_CONTAIN=1"};
  if (inputs.dood_pin && inputs.contain_pin) {
    return {Mode::contained, "the project is pinned to both modes"};
  }
  if (inputs.dood_pin) return {Mode::dood, "the project is pinned to dood"};
  if (inputs.contain_pin) return {Mode::contained, "the project is pinned to contained"};
  if (inputs.default_dood) return {Mode::dood, "default-dood is set"};
  return {Mode::contained, "the default"};
}

ModeInputs mode_inputs(std::optional<Mode> flag, const Project* project) {
  const std::string config = config_directory();
  const auto exists = [&](const std::string& path) { return ::access((config + path).c_str(), F_OK) == 0; };
  ModeInputs inputs;
  inputs.flag = flag;
  inputs.dood_env = environment("DRYDOCK_DOOD");
  inputs.contain_env = environment("DRYDOCK_CONTAIN");
  if (project != nullptr) {
    inputs.dood_pin = exists("/dood/" + project->key) ||
                      (exists("/dood/" + project->name) && !is_bare_name_taken(*project));
    inputs.contain_pin = exists("/contain/" + project->key) || exists("/contain/" + project->name);
  }
  inputs.default_dood = exists("/default-dood");
  return inputs;
}

}  // namespace drydock::core
