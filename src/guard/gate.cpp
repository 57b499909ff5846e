#include "guard/gate.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace drydock::guard {
namespace {

constexpr int backlog = 1024;
constexpr int accepts_at_once = 64;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Gate::Gate(Loop& loop, Resolver& resolver, Verdicts& verdicts, EventLog& log, const Timing& timing,
           const Limits& limits)
    : shared_{loop, resolver, verdicts, log, timing, limits, 443, std::make_shared<const Rules>(),
              {},   {},       0,        0} {
  shared_.ended = [this](Tunnel& tunnel) { bury(tunnel); };
}

Gate::~Gate() {
  shared_.loop.cancel(funeral_);
  shared_.loop.cancel(pause_);
  for (const UniqueFd& listener : listeners_) shared_.loop.remove(listener.get());
}

std::uint16_t Gate::listen(const Endpoint& endpoint, Leg leg) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.address.to_sockaddr(endpoint.port, address);
  const std::string where = endpoint.address.to_string() + ", port " + std::to_string(endpoint.port);
  UniqueFd listener(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener || ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener.get(), backlog) != 0) {
    fail("cannot listen at " + where);
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0) {
    fail("cannot listen at " + where);
  }
  const int fd = listener.get();
  listeners_.push_back(std::move(listener));
  shared_.loop.add(fd, EPOLLIN, [this, fd, leg](std::uint32_t) { accept_some(fd, leg); });
  // The port stands at the same place in both families' addresses.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

void Gate::accept_some(int listener, Leg leg) {
  for (int i = 0; i < accepts_at_once; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd client(
        ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      const bool used_up = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
      if (!used_up || pause_ != 0) return;
      // The listener would report the same connection over and over.
      for (const UniqueFd& each : listeners_) shared_.loop.modify(each.get(), 0);
      pause_ = shared_.loop.after(shared_.timing.accept_pause, [this] {
        pause_ = 0;
        for (const UniqueFd& each : listeners_) shared_.loop.modify(each.get(), EPOLLIN);
      });
      return;
    }
    if (tunnels_.size() >= shared_.limits.tunnels + shared_.limits.overflow) continue;
    auto tunnel = std::make_unique<Tunnel>(shared_, std::move(client), leg,
                                           why_not(reinterpret_cast<const sockaddr*>(&peer)));
    Tunnel& started = *tunnel;
    tunnels_.emplace(&started, std::move(tunnel));
    started.start();
  }
}

Tunnel::Turned Gate::why_not(const sockaddr* peer) const {
  const auto address = Ip::from(peer);
  if (!address || !clients_ || !clients_->contains(*address)) return Tunnel::Turned::foreign;
  return tunnels_.size() >= shared_.limits.tunnels ? Tunnel::Turned::overloaded : Tunnel::Turned::no;
}

void Gate::set_rules(Rules rules) {
  shared_.rules = std::make_shared<const Rules>(std::move(rules));
  std::vector<Tunnel*> all;
  all.reserve(tunnels_.size());
  for (const auto& [tunnel, owned] : tunnels_) all.push_back(tunnel);
  for (Tunnel* tunnel : all) tunnel->recheck();
}

// The tunnel's own code is still running.
void Gate::bury(Tunnel& tunnel) {
  const auto found = tunnels_.find(&tunnel);
  if (found == tunnels_.end()) return;
  dead_.push_back(std::move(found->second));
  tunnels_.erase(found);
  if (funeral_ != 0) return;
  funeral_ = shared_.loop.after(std::chrono::milliseconds(0), [this] {
    funeral_ = 0;
    dead_.clear();
  });
}

}  // namespace drydock::guard
