// `drydock egress log --verify`: whether a decision log is as its guard wrote it (policy/line_chain.hpp). The
// chain has no secret in it: it shows that a line was changed or lost, not who wrote the whole of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace drydock::core {

enum class LogKind {
  live,   // it goes on: any line may be the last
  ended,  // the engine's, of a session whose guard has ended: the guard's "exit" is the last
  kept,   // a kept one: drydock's "kept" is the last
};

struct LogCheck {
  enum class State {
    whole,
    bounded,    // what there is holds, and its beginning is gone, for an engine keeps the end of a long log
    truncated,  // what there is holds, and lines are missing at its end
    missing,    // lines are missing before `line`
    changed,    // `line` is not what its guard wrote
  };

  State state = State::whole;
  std::uint64_t lines = 0;
  std::uint64_t gone = 0;   // of a bounded one: lines before the first
  std::uint64_t line = 0;   // the first that is wrong, from 1; 0: none is
  std::uint64_t wrong = 0;  // how many are
  std::string reason;
  std::string chain;               // the last line's hash; empty without one
  std::vector<std::string> notes;  // what is right, and yet worth a word
};

// The fewest lines that an engine drops: it is asked to keep 64 MB, and no line takes more than a thousandth
// of that. Of a log that begins with a lower number somebody else has taken the beginning.
inline constexpr std::uint64_t fewest_gone = 1000;

class LogChecker {
 public:
  explicit LogChecker(LogKind kind) : kind_(kind) {}

  // A line without its end; `whole` is false for a last one that has none.
  void add(std::string_view line, bool whole = true);
  LogCheck finish();

 private:
  void fault(LogCheck::State state, const std::string& reason);
  void begin_again();
  void judge_beginning();

  LogKind kind_;
  LogCheck check_;
  std::uint64_t next_ = 0;
  std::string last_event_;
  std::uint64_t guards_ = 0;  // that began
  std::uint64_t killed_ = 0;  // of them, those that did not end by themselves
  std::uint64_t dropped_ = 0;
  bool cut_ = false;
  std::optional<std::uint64_t> gone_when_kept_;
};

std::string_view to_string(LogCheck::State state);

// Of a line of a log, from 0; nothing for another.
std::optional<std::uint64_t> number_of_line(std::string_view line);
// What is to be said of a log whose first line has this number; empty for 0.
std::string beginning_is_gone(std::uint64_t lines);

}  // namespace drydock::core
