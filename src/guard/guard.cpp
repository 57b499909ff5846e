#include "guard/guard.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace drydock::guard {
namespace {

constexpr int farewell_ms = 200;  // for the log's reader to take the last lines

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int prefix_of(const sockaddr* mask) {
  const auto ip = Ip::from(mask);
  int bits = 0;
  if (ip) {
    for (const std::uint8_t byte : ip->bytes) bits += __builtin_popcount(byte);
  }
  return bits;
}

}  // namespace

Guard::Guard(std::string directory, const Timing& timing, const Limits& limits, int log_fd)
    : directory_(std::move(directory)),
      timing_(timing),
      log_(log_fd),
      resolver_(loop_, limits, system_lookup),
      gate_(loop_, resolver_, log_, timing, limits) {
  log_.on_pending([this] { flush_later(); });
  watch_signals();
  // Watched before it is read: a change in between is not missed.
  watch_directory();
  config_ = read_config(config_path());
  gate_.set_rules(with_own_addresses(config_.rules));
  gate_.listen({Ip::v4(INADDR_LOOPBACK), config_.listen_port}, Leg::proxy);
  if (config_.transparent) gate_.listen(*config_.transparent, Leg::transparent);
}

// What the sidecar itself has is never dialled, and neither is anything on the networks it stands in: those
// hold the agent, and the host's ends of the bridges.
Rules Guard::with_own_addresses(Rules rules) const {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) fail("cannot read the addresses of the interfaces");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
    const auto ip = Ip::from(entry->ifa_addr);
    if (!ip) continue;
    rules.floor.own.push_back(*ip);
    const int prefix = prefix_of(entry->ifa_netmask);
    if (prefix > 0) rules.floor.own_ranges.push_back({*ip, prefix});
  }
  return rules;
}

void Guard::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, number);
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) fail("cannot watch signals");
  loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
}

void Guard::watch_directory() {
  changes_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!changes_ ||
      ::inotify_add_watch(changes_.get(), directory_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
    // inotify(7): what these two mean is not what they say.
    if (errno == EMFILE || errno == ENOSPC) {
      throw std::runtime_error(
          "cannot watch '" + directory_ + "': the limit " +
          (errno == EMFILE ? "fs.inotify.max_user_instances" : "fs.inotify.max_user_watches") +
          " is reached");
    }
    throw std::system_error(errno, std::generic_category(), "cannot watch '" + directory_ + "'");
  }
  loop_.add(changes_.get(), EPOLLIN, [this](std::uint32_t) { on_directory(); });
}

int Guard::run() {
  start_proxy();
  loop_.run();
  proxy_.reset();
  pollfd reader{log_.fd(), POLLOUT, 0};
  while (log_.flush() && ::poll(&reader, 1, farewell_ms) > 0) {
  }
  return status_;
}

void Guard::write(const Event& event) { log_.write(event); }

// By the clock and not by EPOLLOUT: the log may be any kind of descriptor.
void Guard::flush_later() {
  if (flush_timer_ != 0) return;
  flush_timer_ = loop_.after(timing_.log_retry, [this] {
    flush_timer_ = 0;
    if (log_.flush()) flush_later();
  });
}

void Guard::end(int status, const std::string& reason) {
  status_ = status;
  Event event;
  event.event = "exit";
  event.reason = reason;
  write(event);
  loop_.stop();
}

void Guard::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD) return end(0, "asked to end");
    // As the first process of its namespace it also gets others' orphans.
    int how = 0;
    for (pid_t pid = ::waitpid(-1, &how, WNOHANG); pid > 0; pid = ::waitpid(-1, &how, WNOHANG)) {
      if (pid != proxy_->pid()) continue;
      on_proxy_output();
      proxy_->forget();
      on_proxy_end(how);
    }
  }
}

// --- the proxy
// ----------------------------------------------------------------------------------------------------

void Guard::start_proxy() {
  proxy_.emplace(config_.tinyproxy);
  loop_.add(proxy_->output(), EPOLLIN, [this](std::uint32_t) { on_proxy_output(); });
  start_deadline_ = loop_.after(timing_.proxy_start, [this] { end(1, "the proxy did not listen in time"); });
}

// tinyproxy 1.11 frees its filter while its threads may still read it, so a reload can crash it. Once it has
// listened, a crash costs the tunnels that are open and not the session's egress.
void Guard::on_proxy_end(int how) {
  const bool crashed = WIFSIGNALED(how) && (WTERMSIG(how) == SIGSEGV || WTERMSIG(how) == SIGBUS ||
                                            WTERMSIG(how) == SIGABRT || WTERMSIG(how) == SIGILL);
  const std::string reason = WIFSIGNALED(how)
                                 ? "the proxy was ended by signal " + std::to_string(WTERMSIG(how))
                                 : "the proxy ended with status " + std::to_string(WEXITSTATUS(how));
  if (!crashed || !ready_) return end(1, reason);
  Event event;
  event.event = "proxy";
  event.reason = reason + " and is started again";
  write(event);
  ready_ = false;
  loop_.remove(proxy_->output());
  try {
    start_proxy();
  } catch (const std::exception& error) {
    end(1, error.what());
  }
}

void Guard::on_proxy_output() {
  std::array<char, 16384> block{};
  const ssize_t count = ::read(proxy_->output(), block.data(), block.size());
  if (count == 0) loop_.remove(proxy_->output());
  if (count <= 0) return;
  lines_.feed({block.data(), static_cast<std::size_t>(count)});
  while (const auto line = lines_.next()) on_proxy_line(*line);
}

void Guard::on_proxy_line(const std::string& line) {
  const ProxyLine parsed = parse_proxy_line(line);
  if (parsed.event) write(*parsed.event);
  if (parsed.started && !ready_) probe_proxy();
  // It says so first and reads then, in one go: a moment later it has read.
  if (parsed.reloaded && confirm_deadline_ != 0) {
    loop_.cancel(confirm_deadline_);
    confirm_deadline_ = loop_.after(timing_.proxy_probe, [this] { confirm_reload({}); });
  }
}

void Guard::probe_proxy() {
  sockaddr_storage address{};
  const socklen_t size = config_.proxy.address.to_sockaddr(config_.proxy.port, address);
  const UniqueFd probe(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // An own address: it is accepted or refused at once.
  if (probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0)
    return on_ready();
  loop_.after(timing_.proxy_probe, [this] { probe_proxy(); });
}

void Guard::on_ready() {
  ready_ = true;
  loop_.cancel(start_deadline_);
  Event event;
  event.event = "ready";
  event.generation = config_.rules.generation;
  write(event);
  // A proxy that has just started has read the newest filter.
  if (confirm_deadline_ != 0) {
    loop_.cancel(confirm_deadline_);
    return confirm_reload({});
  }
  if (std::exchange(reload_again_, false)) reload();
}

// --- changes
// ------------------------------------------------------------------------------------------------------

void Guard::on_directory() {
  alignas(inotify_event) std::array<char, 8192> block{};
  bool changed = false;
  while (true) {
    const ssize_t count = ::read(changes_.get(), block.data(), block.size());
    if (count <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
      inotify_event event{};
      std::memcpy(&event, block.data() + at, sizeof event);
      const char* name = event.len > 0 ? block.data() + at + sizeof event : "";
      changed = changed || std::strcmp(name, "guard.json") == 0 || (event.mask & IN_Q_OVERFLOW) != 0;
      at += sizeof event + event.len;
    }
  }
  if (changed) reload();
}

void Guard::reload() {
  // One at a time, so that each one's confirmation is its own.
  if (confirm_deadline_ != 0 || !ready_) {
    reload_again_ = true;
    return;
  }
  Event event;
  event.event = "reload";
  try {
    Config changed = read_config(config_path());
    if (!same_frame(changed, config_)) throw ConfigError("what is listened at, or the proxy, cannot change");
    gate_.set_rules(with_own_addresses(changed.rules));
    config_ = std::move(changed);
  } catch (const std::exception& error) {
    event.allowed = false;
    event.generation = config_.rules.generation;
    event.reason = std::string("the old rules stay in force: ") + error.what();
    return write(event);
  }
  confirm_deadline_ = loop_.after(
      timing_.proxy_confirm, [this] { confirm_reload("the proxy has not said that it reads its filter"); });
  // Never SIGHUP, which ends a tinyproxy in the foreground.
  proxy_->signal(SIGUSR1);
}

void Guard::confirm_reload(const std::string& reason) {
  confirm_deadline_ = 0;
  Event event;
  event.event = "reload";
  event.allowed = reason.empty();
  event.reason = reason;
  event.generation = config_.rules.generation;
  write(event);
  if (std::exchange(reload_again_, false)) reload();
}

}  // namespace drydock::guard
