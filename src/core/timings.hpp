// How long each step of a run took, for people who want to know where the time went. Steps follow one
// another; the clock is the monotonic one.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace drydock::core {

class Timings {
 public:
  struct Step {
    std::string name;
    std::chrono::milliseconds duration{};
  };

  // Begins a step, which ends the one before.
  void begin(const std::string& name);
  // Ends the step that is going on, if there is one.
  void end();

  const std::vector<Step>& steps() const { return steps_; }
  // A line for each step in its order, steps of one name as one, and their sum: "  0.123 s  plan\n".
  std::string to_text() const;

 private:
  std::string current_;
  std::chrono::steady_clock::time_point began_;
  std::vector<Step> steps_;
};

}  // namespace drydock::core
