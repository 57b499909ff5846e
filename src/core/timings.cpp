#include "core/timings.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace drydock::core {
namespace {

std::string line(std::chrono::milliseconds duration, const std::string& name) {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%9.3f s  ", static_cast<double>(duration.count()) / 1000);
  return seconds.data() + name + "\n";
}

}  // namespace

void Timings::begin(const std::string& name) {
  end();
  current_ = name;
  began_ = std::chrono::steady_clock::now();
}

void Timings::end() {
  if (current_.empty()) return;
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
  const auto same =
      std::find_if(steps_.begin(), steps_.end(), [this](const Step& step) { return step.name == current_; });
  if (same != steps_.end()) {
    same->duration += took;
  } else {
    steps_.push_back({current_, took});
  }
  current_.clear();
}

std::string Timings::to_text() const {
  std::string text;
  std::chrono::milliseconds sum{};
  for (const Step& step : steps_) {
    text += line(step.duration, step.name);
    sum += step.duration;
  }
  return text + line(sum, "in all");
}

}  // namespace drydock::core
