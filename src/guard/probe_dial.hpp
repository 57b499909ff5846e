// What the probe's checks have in common: dialling with a limit, and asking the session's proxy.
#pragma once

#include <chrono>
#include <string>

#include "base/unique_fd.hpp"
#include "guard/config.hpp"

namespace drydock::guard {

class Clock {
 public:
  explicit Clock(std::chrono::milliseconds limit) : end_(std::chrono::steady_clock::now() + limit) {}
  int left() const;  // milliseconds, never negative

 private:
  std::chrono::steady_clock::time_point end_;
};

// Whether one of the events of poll(2) came in time.
bool wait_for(int fd, short events, const Clock& clock);

struct Dialled {
  UniqueFd fd;
  int error = 0;  // 0: it is connected; ETIMEDOUT: nobody said a word
};

Dialled dial(const Endpoint& to, int type, const Clock& clock);

// "connected", "refused", "unreachable", "no answer", or the system's own word.
std::string word(int error);

// What comes back on a connection that says this first, up to `enough` octets or the end. `error` is why
// there was no connection; a peer that stays silent for too long is ETIMEDOUT, one that resets is no error.
struct Said {
  std::string text;
  int error = 0;
};
Said converse(const Endpoint& to, const std::string& words, std::size_t enough);

// The status that the proxy answers a request with, or "proxy: ..." when it answers nothing.
std::string ask_proxy(const Endpoint& proxy, const std::string& request);

std::string connect_request(const std::string& authority);

}  // namespace drydock::guard
