#include "guard/loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace drydock::guard {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "cannot make an epoll descriptor");
}

void Loop::add(int fd, std::uint32_t events, Handler handler) {
  watches_[fd] = std::make_shared<Watch>(Watch{0, std::move(handler)});
  modify(fd, events);
}

void Loop::modify(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end() || found->second->events == events) return;
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const int operation = events == 0                  ? EPOLL_CTL_DEL
                        : found->second->events == 0 ? EPOLL_CTL_ADD
                                                     : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
  }
  found->second->events = events;
}

void Loop::remove(int fd) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  if (found->second->events != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  // Events of this round that are still to come must not find it.
  found->second->events = 0;
  watches_.erase(found);
}

Loop::TimerId Loop::after(std::chrono::milliseconds delay, std::function<void()> action) {
  const TimerId id = ++last_timer_;
  const auto when = Clock::now() + delay;
  timers_.emplace(std::pair{when, id}, std::move(action));
  due_.emplace(id, when);
  return id;
}

void Loop::cancel(TimerId id) {
  const auto found = due_.find(id);
  if (found == due_.end()) return;
  timers_.erase({found->second, id});
  due_.erase(found);
}

void Loop::fire_timers() {
  const auto now = Clock::now();
  while (running_ && !timers_.empty() && timers_.begin()->first.first <= now) {
    const auto first = timers_.begin();
    const auto action = std::move(first->second);
    due_.erase(first->first.second);
    timers_.erase(first);
    action();
  }
}

int Loop::time_left() const {
  if (timers_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Loop::run() {
  running_ = true;
  std::array<epoll_event, 256> events{};
  std::array<std::shared_ptr<Watch>, 256> watches;
  while (running_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), time_left());
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot wait");
    const auto ready = static_cast<std::size_t>(std::max(count, 0));
    // A descriptor may be closed, and its number be another's, before its event of this round comes up.
    for (std::size_t i = 0; i < ready; ++i) {
      const auto found = watches_.find(events[i].data.fd);
      watches[i] = found == watches_.end() ? nullptr : found->second;
    }
    for (std::size_t i = 0; i < ready && running_; ++i) {
      const std::shared_ptr<Watch> watch = std::move(watches[i]);
      if (watch && watch->events != 0) watch->handler(events[i].events);
    }
    fire_timers();
  }
}

}  // namespace drydock::guard
