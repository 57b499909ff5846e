#include "cli/log_follower.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "cli/engines.hpp"
#include "core/session_log.hpp"

namespace drydock::cli {

LogFollower::LogFollower(const Invocation& invocation, const core::Candidate& found)
    : engine_(core::select_engine(make_providers(), found.session.runtime, invocation.global.engine, &stop_)
                  .engine),
      signal_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!signal_) throw Error(ErrorKind::internal, with_errno("cannot make an event descriptor", errno));
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, session = found.session] { follow(session); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogFollower::~LogFollower() {
  stop_.request(SIGTERM);
  thread_.join();
}

void LogFollower::follow(const core::SessionRecord& session) {
  std::exception_ptr failure;
  try {
    core::read_egress_log(*engine_, session, true, [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
      tell();
      return true;
    });
  } catch (const Interrupted&) {
    // Nobody wants more.
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  failure_ = failure;
  tell();
}

void LogFollower::tell() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(signal_.get(), &one, sizeof one);
}

bool LogFollower::take(std::vector<std::string>& lines) {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(signal_.get(), &count, sizeof count);
  lines = std::exchange(lines_, {});
  if (!ended_ || !lines.empty()) {
    if (ended_) tell();
    return true;
  }
  if (failure_) std::rethrow_exception(failure_);
  return false;
}

}  // namespace drydock::cli
