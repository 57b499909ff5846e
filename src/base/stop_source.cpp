#include "base/stop_source.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace drydock {
namespace {

constexpr std::array routed_signals{SIGINT, SIGTERM, SIGHUP};
std::atomic<StopSource*> routed_to{nullptr};
std::array<struct sigaction, routed_signals.size()> earlier;

void on_signal(int signal) {
  const int saved = errno;
  if (StopSource* source = routed_to.load()) source->request(signal);
  errno = saved;
}

}  // namespace

StopSource::StopSource() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot make a pipe", errno));
  }
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
}

void StopSource::request(int signal) noexcept {
  signal_.store(signal);
  const char byte = 's';
  // A full pipe is as good: it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(write_end_.get(), &byte, 1);
}

int StopSource::acknowledge() {
  const int signal = signal_.exchange(0);
  char drain[64];
  while (::read(read_end_.get(), drain, sizeof drain) > 0) {
  }
  return signal;
}

void StopSource::check() const {
  if (requested()) throw Interrupted(signal());
}

SignalRouter::SignalRouter(StopSource& source) {
  routed_to.store(&source);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < routed_signals.size(); ++i) {
    sigaction(routed_signals[i], nullptr, &earlier[i]);
    // What was ignored when we started (nohup, a background job) stays ignored.
    if (earlier[i].sa_handler != SIG_IGN) sigaction(routed_signals[i], &action, nullptr);
  }
}

SignalRouter::~SignalRouter() {
  for (std::size_t i = 0; i < routed_signals.size(); ++i) sigaction(routed_signals[i], &earlier[i], nullptr);
  routed_to.store(nullptr);
}

}  // namespace drydock
