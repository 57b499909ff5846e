// An event loop over epoll(7) and signalfd(2)-style descriptors, for one thread.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/unique_fd.hpp"

namespace drydock::guard {

class Loop {
 public:
  using Clock = std::chrono::steady_clock;
  using Handler = std::function<void(std::uint32_t events)>;
  using TimerId = std::uint64_t;

  Loop();

  // Watches a descriptor. With no events wanted it is not watched at all (EPOLLHUP and EPOLLERR cannot be
  // masked otherwise) but its handler is kept. A descriptor must be removed before it is closed.
  void add(int fd, std::uint32_t events, Handler handler);
  void modify(int fd, std::uint32_t events);
  void remove(int fd);

  // Calls `action` once. Zero is never a timer's id.
  TimerId after(std::chrono::milliseconds delay, std::function<void()> action);
  void cancel(TimerId id);
  // Those that are still to be called.
  std::size_t timers() const { return timers_.size(); }

  // Runs until stop(). A handler may add and remove descriptors, its own too.
  void run();
  void stop() { running_ = false; }

 private:
  struct Watch {
    std::uint32_t events = 0;
    Handler handler;
  };

  void fire_timers();
  int time_left() const;

  UniqueFd epoll_;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::map<std::pair<Clock::time_point, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Clock::time_point> due_;
  TimerId last_timer_ = 0;
  bool running_ = false;
};

}  // namespace drydock::guard
