#include "core/log_check.hpp"

#include <algorithm>

#include "policy/line_chain.hpp"

namespace drydock::core {
namespace {

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string are_missing(std::uint64_t lines) {
  return counted(lines, "line") + (lines == 1 ? " is" : " are") + " missing before it";
}

}  // namespace

std::optional<std::uint64_t> number_of_line(std::string_view line) {
  const auto chained = policy::read_chained(line);
  return chained ? std::optional(chained->seq) : std::nullopt;
}

std::string beginning_is_gone(std::uint64_t lines) {
  if (lines == 0) return {};
  return "its log is not whole: " +
         (lines == 1 ? std::string("the first line is")
                     : "the first " + std::to_string(lines) + " lines are") +
         " gone, for the engine keeps the end alone of a log that is too long";
}

std::string_view to_string(LogCheck::State state) {
  switch (state) {
    case LogCheck::State::whole:
      return "whole";
    case LogCheck::State::bounded:
      return "bounded";
    case LogCheck::State::truncated:
      return "truncated";
    case LogCheck::State::missing:
      return "missing";
    case LogCheck::State::changed:
      return "changed";
  }
  return "changed";
}

void LogChecker::fault(LogCheck::State state, const std::string& reason) {
  if (++check_.wrong > 1) return;
  check_.state = state;
  check_.line = check_.lines;
  check_.reason = reason;
}

// Each guard begins a chain of its own.
void LogChecker::begin_again() {
  if (guards_ > 0 && last_event_ != "exit") ++killed_;
  ++guards_;
  next_ = 0;
  check_.chain = policy::chain_start;
}

void LogChecker::add(std::string_view line, bool whole) {
  if (!whole) {
    cut_ = true;
    return;
  }
  ++check_.lines;
  const auto parts = policy::read_chained(line);
  const Json json = Json::parse(line, nullptr, false);
  if (!parts || !json.is_object()) return fault(LogCheck::State::changed, "it is not a line of the log");
  const std::string event = string_or(json, "event");
  if (event == "begin") begin_again();
  const bool first = check_.chain.empty();
  if (check_.lines == 1 && parts->seq > 0 && event != "begin") {
    check_.gone = parts->seq;  // judged at the end, when it is known what was there when the log was kept
  } else if (parts->seq > next_) {
    fault(LogCheck::State::missing, are_missing(parts->seq - next_));
  } else if (first && parts->seq == 0) {
    fault(LogCheck::State::changed, "the log begins with it, and it does not say whose log it is");
  } else if (parts->seq < next_) {
    fault(LogCheck::State::changed,
          "its number is " + std::to_string(parts->seq) + ", not " + std::to_string(next_));
  } else if (parts->chain != policy::chain_hash(check_.chain, parts->body)) {
    fault(LogCheck::State::changed, "its hash is not that of its text behind the line before");
  }
  next_ = parts->seq + 1;
  check_.chain = parts->chain;
  if (event == "dropped")
    dropped_ += static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(json, "count", 0)));
  if (event == "kept") {
    if (last_event_ != "exit") ++killed_;
    gone_when_kept_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(json, "gone", 0)));
  }
  last_event_ = event;
}

// Whose loss is the beginning's? An engine drops what is over its bound, and the line that closes a kept log
// says how many it had dropped by then.
void LogChecker::judge_beginning() {
  if (check_.gone == 0) return;
  const bool dropped = check_.gone >= fewest_gone &&
                       (kind_ != LogKind::kept || !gone_when_kept_ || *gone_when_kept_ == check_.gone);
  if (!dropped) {
    ++check_.wrong;
    check_.state = LogCheck::State::missing;
    check_.line = 1;
    check_.reason = are_missing(check_.gone);
    check_.gone = 0;
  } else if (check_.state == LogCheck::State::whole) {
    check_.state = LogCheck::State::bounded;
    check_.reason = beginning_is_gone(check_.gone);
  }
}

LogCheck LogChecker::finish() {
  const char* last = kind_ == LogKind::kept ? "kept" : "exit";
  if (check_.wrong == 0 && (cut_ || (kind_ != LogKind::live && last_event_ != last))) {
    check_.state = LogCheck::State::truncated;
    check_.reason =
        cut_ ? "its last line is cut off"
        : kind_ == LogKind::kept
            ? "lines are missing at its end: the line that closes a kept log is not there"
            : "its guard has not said that it ends: it was killed, or lines are missing at the end";
  }
  judge_beginning();
  if (check_.lines == 0 && check_.wrong == 0 && kind_ == LogKind::live)
    check_.reason = "there is no line yet";
  if (guards_ > 1) check_.notes.push_back("the guard was started " + std::to_string(guards_) + " times");
  if (killed_ > 0)
    check_.notes.push_back(killed_ == 1 ? "a guard was killed: what it had not written yet is not there"
                                        : counted(killed_, "guard") + " were killed");
  if (dropped_ > 0)
    check_.notes.push_back(counted(dropped_, "line") + " the guard did not write, and has said so");
  return std::move(check_);
}

}  // namespace drydock::core
