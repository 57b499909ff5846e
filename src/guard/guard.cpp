#include "guard/guard.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>
#include <utility>

#include "base/version.hpp"

namespace drydock::guard {
namespace {

constexpr std::uint64_t log_schema = 1;  // docs/schema/decision.json
constexpr int farewell_ms = 200;         // for the log's reader to take the last lines

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int prefix_of(const sockaddr* mask) {
  const auto ip = Ip::from(mask);
  int bits = 0;
  if (ip) {
    for (const std::uint8_t byte : ip->bytes) bits += __builtin_popcount(byte);
  }
  return bits;
}

bool same(const Entry& a, const Entry& b) {
  return a.pattern == b.pattern && a.source == b.source && a.expires == b.expires;
}

// time(2) lags behind the timers by up to a tick of the kernel's.
std::int64_t wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

}  // namespace

Guard::Guard(std::string directory, const Timing& timing, const Limits& limits, int log_fd)
    : directory_(std::move(directory)),
      timing_(timing),
      log_(log_fd),
      resolver_(loop_, limits, system_lookup),
      verdicts_(loop_, log_, timing, limits),
      gate_(loop_, resolver_, verdicts_, log_, timing, limits) {
  log_.on_pending([this] { flush_later(); });
  watch_signals();
  watch_clock();
  // Watched before it is read: a change in between is not missed.
  watch_directory();
  config_ = read_config(config_path());
  config_.rules = with_own_addresses(std::move(config_.rules));
  begin_log();
  enforce(config_.rules);
  gate_.set_watched([this] { return is_watched(); });
  gate_.set_clients(config_.clients);
  const std::uint16_t port = verdicts_.listen(config_.listen_port);
  supervisor_.emplace(loop_, log_, timing_, static_cast<std::uint16_t>(port + 1),
                      Supervisor::Hooks{[this](std::uint16_t at) { on_proxy(at); },
                                        [this](const std::string& reason) { end(1, reason); }});
  verdicts_.on_silence([this] { supervisor_->on_silence(); });
  // Clients wait until there is a tinyproxy to ask.
  gate_.listen(config_.proxy, Leg::proxy);
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
  ProxyFiles files = read_proxy_files(directory_, config_.tinyproxy);
  proxy_config_ = files.config;
  supervisor_->start(std::move(files));
  if (config_.rules.entries.admits_any()) loop_.after(timing_.ask_look, [this] { watch_capture(); });
  loop_.run();
  supervisor_.reset();
  pollfd reader{log_.fd(), POLLOUT, 0};
  while (log_.flush() && ::poll(&reader, 1, farewell_ms) > 0) {
  }
  return status_;
}

// Whoever looks on holds a lock on a file of the folder: the kernel lets go of it when they end.
bool Guard::is_watched() const {
  const UniqueFd file(
      ::open((directory_ + "/watched").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// What lets everything through is for as long as whoever asked for it: their drydock looks on.
void Guard::watch_capture() {
  if (!is_watched()) return end(0, "whoever started this capture has ended");
  loop_.after(timing_.ask_look, [this] { watch_capture(); });
}

// Whose log it is. A second line like this one means that the guard was started again.
void Guard::begin_log() {
  Event event;
  event.event = "begin";
  event.schema = log_schema;
  event.version = version;
  event.session = config_.rules.session;
  event.project = config_.project;
  write(event);
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
      supervisor_->on_end(pid, how);
    }
  }
}

void Guard::on_proxy(std::uint16_t port) {
  verdicts_.set_proxy(port);
  if (port == 0) return;
  if (!std::exchange(ready_, true)) {
    Event event;
    event.event = "ready";
    event.generation = config_.rules.generation;
    write(event);
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

// One at a time: what changes while a tinyproxy starts is read when it has.
void Guard::reload() {
  if (supervisor_->is_starting()) {
    reload_again_ = true;
    return;
  }
  std::optional<std::uint64_t> wanted;
  try {
    Config changed = read_config(config_path());
    wanted = changed.rules.generation;
    if (!same_frame(changed, config_))
      throw ConfigError("what is listened at, the proxy, or the end, cannot change");
    changed.rules = with_own_addresses(std::move(changed.rules));
    ProxyFiles files = read_proxy_files(directory_, changed.tinyproxy);
    if (files.config != proxy_config_) throw ConfigError("tinyproxy.conf cannot change");
    supervisor_->replace(std::move(files), [this, changed = std::move(changed)](const std::string& reason) {
      on_reload(changed, reason);
    });
  } catch (const std::exception& error) {
    refuse_reload(error.what(), wanted);
  }
}

void Guard::on_reload(Config changed, const std::string& reason) {
  if (!reason.empty()) return refuse_reload(reason, changed.rules.generation);
  config_ = std::move(changed);
  enforce(config_.rules);
  Event event;
  event.event = "reload";
  event.allowed = true;
  event.generation = config_.rules.generation;
  write(event);
}

// --- time
// ---------------------------------------------------------------------------------------------------------

// The clock on the wall: an hour is one also when the machine sleeps through it, and when the clock is set
// the timer is told (timerfd_create(2)).
void Guard::watch_clock() {
  clock_ = UniqueFd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!clock_) fail("cannot make a timer");
  loop_.add(clock_.get(), EPOLLIN, [this](std::uint32_t) { drop_expired(); });
}

// Entries that have ended are as good as absent, and the next that ends is waited for.
void Guard::enforce(Rules rules) { enforce(std::move(rules), wall_clock()); }

void Guard::enforce(Rules rules, std::int64_t now) {
  rules.entries = rules.entries.without_expired(now);
  itimerspec next{};
  next.it_value.tv_sec = rules.entries.next_expiry().value_or(0);
  if (config_.ends != 0 && (next.it_value.tv_sec == 0 || next.it_value.tv_sec > config_.ends))
    next.it_value.tv_sec = config_.ends;
  if (::timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &next, nullptr) != 0) {
    fail("cannot set a timer");
  }
  gate_.set_rules(std::move(rules));
}

void Guard::drop_expired() {
  std::uint64_t times = 0;
  // ECANCELED: the clock was set.
  if (::read(clock_.get(), &times, sizeof times) < 0 && errno != ECANCELED) return;
  // One reading of the clock: what ends between two would be dropped and not told.
  const std::int64_t now = wall_clock();
  if (config_.ends != 0 && now >= config_.ends) return end(0, "the session has reached its time limit");
  const Entries left = config_.rules.entries.without_expired(now);
  for (const Entry& entry : config_.rules.entries.all()) {
    const auto& all = left.all();
    if (std::any_of(all.begin(), all.end(), [&](const Entry& other) { return same(entry, other); })) continue;
    Event event;
    event.event = "expired";
    event.rule = entry.pattern;
    event.source = entry.source;
    event.generation = config_.rules.generation;
    write(event);
  }
  config_.rules.entries = left;
  enforce(config_.rules, now);
}

void Guard::refuse_reload(const std::string& reason, std::optional<std::uint64_t> wanted) {
  Event event;
  event.event = "reload";
  event.allowed = false;
  event.generation = config_.rules.generation;
  event.wanted = wanted;
  event.reason = "the old rules stay in force: " + reason;
  write(event);
  if (!supervisor_->is_starting() && std::exchange(reload_again_, false)) reload();
}

}  // namespace drydock::guard
