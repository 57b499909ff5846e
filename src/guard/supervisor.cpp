#include "guard/supervisor.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

namespace drydock::guard {
namespace {

constexpr int most_blocks = 8;    // of a pipe's content
constexpr int most_failures = 5;  // in a row, to start again one that has served

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// As tinyproxy would bind it, or as a client would connect to it.
bool can_bind(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const sockaddr_in address = loopback(port);
  return socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool can_connect(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string reason_of(int how) {
  return WIFSIGNALED(how) ? "the proxy was ended by signal " + std::to_string(WTERMSIG(how))
                          : "the proxy ended with status " + std::to_string(WEXITSTATUS(how));
}

}  // namespace

struct Supervisor::Running {
  Running(ProxyFiles with, std::uint16_t at, Done when_done)
      : files(std::move(with)), port(at), done(std::move(when_done)), process(files, port) {}

  ProxyFiles files;
  std::uint16_t port;
  Done done;  // of a replacement
  ProxyProcess process;
  LineSplitter lines;
  bool listens = false;
  bool given_up = false;
  Loop::TimerId deadline = 0;
  Loop::TimerId next_probe = 0;
  Loop::Clock::time_point since = Loop::Clock::now();
};

Supervisor::Supervisor(Loop& loop, EventLog& log, const Timing& timing, std::uint16_t first_port, Hooks hooks)
    : loop_(loop), log_(log), timing_(timing), first_port_(first_port), hooks_(std::move(hooks)) {}

Supervisor::~Supervisor() {
  loop_.cancel(restart_);
  dismiss(next_);
  dismiss(current_);
}

void Supervisor::start(ProxyFiles files) { launch(std::move(files), {}); }

void Supervisor::replace(ProxyFiles files, Done done) {
  try {
    launch(std::move(files), done);
  } catch (const std::exception& error) {
    done(error.what());
  }
}

// Not one of the kernel's choice: that could be a client's by the time tinyproxy binds it.
std::uint16_t Supervisor::free_port() {
  for (std::uint16_t tried = 0; tried < ports; ++tried) {
    const auto port = static_cast<std::uint16_t>(first_port_ + next_port_);
    next_port_ = static_cast<std::uint16_t>((next_port_ + 1) % ports);
    if (can_bind(port)) return port;
  }
  throw std::system_error(EADDRINUSE, std::generic_category(), "cannot find a port for the proxy");
}

void Supervisor::launch(ProxyFiles files, Done done) {
  next_ = std::make_unique<Running>(std::move(files), free_port(), std::move(done));
  loop_.add(next_->process.output(), EPOLLIN,
            [this, started = next_.get()](std::uint32_t) { read_output(*started); });
  next_->deadline = loop_.after(timing_.proxy_start, [this] {
    next_->deadline = 0;
    next_failed("the proxy did not listen in time");
  });
}

bool Supervisor::read_output(Running& running) {
  std::array<char, 16384> block{};
  const int fd = running.process.output();
  const ssize_t count = ::read(fd, block.data(), block.size());
  if (count == 0) loop_.remove(fd);
  if (count <= 0) return false;
  running.lines.feed({block.data(), static_cast<std::size_t>(count)});
  bool listens = false;
  while (const auto line = running.lines.next()) {
    const ProxyLine parsed = parse_proxy_line(*line);
    if (parsed.event) log_.write(*parsed.event);
    listens = listens || parsed.started;
  }
  if (listens && !std::exchange(running.listens, true)) {
    running.next_probe = loop_.after(std::chrono::milliseconds(0), [this] { probe(); });
  }
  return true;
}

void Supervisor::probe() {
  next_->next_probe = 0;
  if (can_connect(next_->port)) return take_over();
  next_->next_probe = loop_.after(timing_.proxy_probe, [this] { probe(); });
}

void Supervisor::take_over() {
  loop_.cancel(std::exchange(next_->deadline, 0));
  dismiss(current_);
  current_ = std::move(next_);
  files_ = std::move(current_->files);
  served_ = true;
  failures_ = 0;
  if (const Done done = std::exchange(current_->done, {})) done({});
  hooks_.serves(current_->port);
}

void Supervisor::dismiss(std::unique_ptr<Running>& running) {
  if (!running) return;
  loop_.cancel(running->deadline);
  for (int blocks = 0; blocks < most_blocks && read_output(*running); ++blocks) {
  }
  loop_.cancel(running->next_probe);
  loop_.remove(running->process.output());
  running.reset();
}

// --- when it ends
// -------------------------------------------------------------------------------------------------

void Supervisor::on_silence() {
  if (!current_ || std::exchange(current_->given_up, true)) return;
  note("the proxy does not answer and is killed");
  ::kill(current_->process.pid(), SIGKILL);
}

void Supervisor::on_end(pid_t pid, int how) {
  for (auto* ended : {&next_, &current_}) {
    if (!*ended || (*ended)->process.pid() != pid) continue;
    (*ended)->process.forget();
    return ended == &next_ ? next_failed(reason_of(how)) : crashed(reason_of(how));
  }
}

void Supervisor::next_failed(const std::string& reason) {
  const Done done = std::exchange(next_->done, {});
  dismiss(next_);
  if (done) {
    // The present one may have ended in the meantime.
    if (!current_) restart_later();
    return done(reason);
  }
  if (!served_ || ++failures_ >= most_failures) return hooks_.failed(reason);
  note(reason + " before it listened, and is started again");
  restart_later();
}

void Supervisor::crashed(const std::string& reason) {
  const bool young = Loop::Clock::now() - current_->since < timing_.proxy_young;
  dismiss(current_);
  note(reason + " and is started again");
  hooks_.serves(0);
  if (!young) pause_ = std::chrono::milliseconds(0);
  // If another is starting, that one it will be.
  if (!next_) restart_later();
}

void Supervisor::note(const std::string& reason) {
  Event event;
  event.event = "proxy";
  event.reason = reason;
  log_.write(event);
}

void Supervisor::restart_later() {
  const auto delay = pause_;
  pause_ = std::clamp(pause_ * 2, timing_.proxy_pause, timing_.proxy_pause_limit);
  restart_ = loop_.after(delay, [this] {
    restart_ = 0;
    restart();
  });
}

void Supervisor::restart() {
  try {
    launch(files_, {});
  } catch (const std::exception& error) {
    hooks_.failed(error.what());
  }
}

}  // namespace drydock::guard
