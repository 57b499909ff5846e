// Turns SIGINT, SIGTERM and SIGHUP into something that every blocking call can watch: a descriptor that
// becomes readable, and the number of the signal. Handlers only write to a pipe.
#pragma once

#include <atomic>

#include "base/unique_fd.hpp"

namespace drydock {

class StopSource {
 public:
  StopSource();  // throws Error(internal) if no pipe can be had
  // Readable once stop was requested, until acknowledged.
  int fd() const { return read_end_.get(); }
  // The signal that asked to stop, 0 if none did.
  int signal() const { return signal_.load(); }
  bool requested() const { return signal() != 0; }
  // Async-signal-safe.
  void request(int signal) noexcept;
  // Forgets the request, so that clean-up can talk to the engine. Returns the signal.
  int acknowledge();
  // Throws Interrupted if stop was requested.
  void check() const;

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
  std::atomic<int> signal_{0};
};

// Routes the process's SIGINT, SIGTERM and SIGHUP to `source` while it lives; the earlier handlers come back
// after. A signal that is ignored already stays so.
class SignalRouter {
 public:
  explicit SignalRouter(StopSource& source);
  ~SignalRouter();
  SignalRouter(const SignalRouter&) = delete;
  SignalRouter& operator=(const SignalRouter&) = delete;
};

}  // namespace drydock
