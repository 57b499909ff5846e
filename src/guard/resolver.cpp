#include "guard/resolver.hpp"

#include <netdb.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace drydock::guard {

Lookup system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo((host + ".").c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, [](addrinfo* first) {
    if (first != nullptr) ::freeaddrinfo(first);
  });
  Lookup result;
  if (status != 0) {
    result.error = status == EAI_NONAME || status == EAI_NODATA ? "there is no such name"
                   : status == EAI_AGAIN                        ? "the name server does not answer"
                                                                : "its name cannot be looked up";
    return result;
  }
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const auto ip = Ip::from(entry->ai_addr);
    const auto& known = result.addresses;
    if (ip && std::find(known.begin(), known.end(), *ip) == known.end()) result.addresses.push_back(*ip);
  }
  if (result.addresses.empty()) result.error = "the name has no address";
  return result;
}

Resolver::Resolver(Loop& loop, const Limits& limits, LookupFunction lookup)
    : loop_(loop),
      limit_(limits.lookups),
      lookup_(std::move(lookup)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "cannot make an event descriptor");
  loop_.add(wake_.get(), EPOLLIN, [this](std::uint32_t) { deliver(); });
  for (unsigned i = 0; i < limits.threads; ++i) threads_.emplace_back([this] { work(); });
}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  loop_.remove(wake_.get());
}

Resolver::Id Resolver::resolve(const std::string& host, Done done) {
  const Id id = ++last_id_;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= limit_) return 0;
    jobs_.push_back({id, host});
  }
  waiting_.emplace(id, std::move(done));
  changed_.notify_one();
  return id;
}

void Resolver::cancel(Id id) {
  if (waiting_.erase(id) == 0) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [id](const Job& job) { return job.id == id; });
}

void Resolver::work() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    Lookup result = lookup_(job.host);
    {
      const std::lock_guard lock(mutex_);
      results_.emplace_back(job.id, std::move(result));
    }
    ::eventfd_write(wake_.get(), 1);
  }
}

void Resolver::deliver() {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  std::vector<std::pair<Id, Lookup>> results;
  {
    const std::lock_guard lock(mutex_);
    results.swap(results_);
  }
  for (const auto& [id, lookup] : results) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) continue;
    const Done done = std::move(found->second);
    waiting_.erase(found);
    done(lookup);
  }
}

}  // namespace drydock::guard
