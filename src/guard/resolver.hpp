// Name look-ups off the event loop: a few threads, a bounded queue.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.hpp"
#include "guard/ip.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"

namespace drydock::guard {

struct Lookup {
  std::vector<Ip> addresses;  // every A and AAAA answer, in the order to try them
  std::string error;          // why there are none: a lower-case clause
};

using LookupFunction = std::function<Lookup(const std::string& host)>;

// getaddrinfo(3) with the name as an absolute one, so that no search list extends it and /etc/hosts has no
// say.
Lookup system_lookup(const std::string& host);

class Resolver {
 public:
  using Id = std::uint64_t;
  using Done = std::function<void(const Lookup&)>;

  Resolver(Loop& loop, const Limits& limits, LookupFunction lookup);
  ~Resolver();  // waits for look-ups that are under way

  // `done` is called from the loop. 0 when too many wait already.
  Id resolve(const std::string& host, Done done);
  // `done` is not called any more.
  void cancel(Id id);

 private:
  struct Job {
    Id id = 0;
    std::string host;
  };

  void work();
  void deliver();

  Loop& loop_;
  std::size_t limit_;
  LookupFunction lookup_;
  UniqueFd wake_;
  Id last_id_ = 0;
  std::unordered_map<Id, Done> waiting_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::vector<std::pair<Id, Lookup>> results_;
  bool stopping_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace drydock::guard
