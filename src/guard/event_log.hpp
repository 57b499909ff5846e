// The decision log: one JSON object a line on a descriptor, never blocking and never growing. What the reader
// does not take in time is dropped, and an event "dropped" says how many lines. Lines are numbered and
// chained (policy/line_chain.hpp); those that are dropped never had a number.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "policy/line_chain.hpp"

namespace drydock::guard {

enum class Leg { proxy, transparent };

// Empty and absent members are left out. Text may come from outside: it is bounded and escaped.
struct Event {
  std::string_view event;
  std::optional<Leg> leg;
  std::string host;
  std::optional<std::uint32_t> port;
  std::string sni;
  std::string address;
  std::optional<bool> allowed;
  std::string reason;
  std::string rule;
  std::string source;
  std::optional<std::uint64_t> tunnel;  // its number, from 1, where one was opened
  std::optional<std::uint64_t> sent;
  std::optional<std::uint64_t> received;
  std::optional<std::uint64_t> duration_ms;
  std::optional<std::uint64_t> generation;
  std::optional<std::uint64_t> wanted;
  std::optional<std::uint64_t> count;
  // Of the event "answer" only: refusals of this log that no longer count, for the tunnel was allowed in the
  // end.
  std::optional<std::uint64_t> withdraws;
  // Of the event "begin" only: whose log this is.
  std::optional<std::uint64_t> schema;
  std::string version;
  std::string session;
  std::string project;
  // Since the guard began; EventLog fills them in.
  std::optional<std::uint64_t> opened;
  std::optional<std::uint64_t> refused;
};

// A JSON object, without what chains it to others. `time` is RFC 3339 with milliseconds.
std::string format(const Event& event, std::string_view time);
// The present, UTC.
std::string now();

class EventLog {
 public:
  static constexpr std::size_t limit = std::size_t{256} << 10;  // octets kept for a slow reader

  // Octets of lines on refusals: those beyond are counted and not written, for a client that is refused over
  // and over must not drive what else it did out of a log that the engine keeps the end of.
  static constexpr std::size_t most_refusals = std::size_t{32} << 20;

  // Octets of lines on the progress of tunnels, for the same reason: nothing is lost with those beyond, which
  // a tunnel's close makes up for, and no note tells of them.
  static constexpr std::size_t most_progress = std::size_t{8} << 20;

  // Borrows the descriptor and makes it non-blocking.
  explicit EventLog(int fd, std::size_t refusal_limit = most_refusals,
                    std::size_t progress_limit = most_progress);

  // Counts it too, if it is a tunnel or a refusal; not for the canary's names (*.drydock.invalid).
  void write(Event event);
  // Tries to write what is kept. Returns whether something is left, so that the descriptor is worth watching.
  bool flush();
  bool pending() const { return !buffer_.empty(); }
  int fd() const { return fd_; }
  // Called when something could not be written at once: flush() is to be called in a while.
  void on_pending(std::function<void()> action) { on_pending_ = std::move(action); }

 private:
  void add_note();
  void tell_unwritten();
  void append(const Event& event);
  std::uint64_t refused() const { return refused_ > withdrawn_ ? refused_ - withdrawn_ : 0; }

  int fd_;
  std::function<void()> on_pending_;
  std::string buffer_;
  policy::LineChain chain_;
  std::uint64_t dropped_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t withdrawn_ = 0;
  std::size_t refusal_limit_;
  std::size_t refusal_octets_ = 0;
  std::size_t progress_limit_;
  std::size_t progress_octets_ = 0;
  std::uint64_t unwritten_ = 0;  // refusals beyond the limit that no note tells of yet
};

}  // namespace drydock::guard
