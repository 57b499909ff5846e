#include "guard/tunnel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "guard/reply.hpp"

namespace drydock::guard {
namespace {

constexpr std::uint16_t https_port = 443;
constexpr const char* plain_http = "plain HTTP never passes; use https";
constexpr const char* no_tunnel = "it is no request for a tunnel, and nothing else passes";

void tune(int fd, const Timing& timing) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(timing.keepalive_idle.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(timing.keepalive_interval.count()));
  set(IPPROTO_TCP, TCP_KEEPCNT, timing.keepalive_probes);
}

// Of an HTTP answer.
bool says_forbidden(std::string_view words) {
  const auto status = words.find(' ');
  return status != std::string_view::npos && words.substr(status + 1, 3) == "403";
}

// What a request line asks for: its second word.
std::string_view target_of(std::string_view line) {
  const auto begin = line.find(' ');
  if (begin == std::string_view::npos) return {};
  return line.substr(begin + 1, line.find(' ', begin + 1) - begin - 1);
}

std::string with_sni(const std::string& sni) {
  return "its TLS server name is '" + sni + "', not the tunnel's host";
}

}  // namespace

Tunnel::Tunnel(Shared& shared, UniqueFd client, Leg leg, Turned turned)
    : shared_(shared), client_(std::move(client)), leg_(leg), turned_(turned) {}

Tunnel::~Tunnel() {
  end_waiting();
  clear_deadline();
  shared_.verdicts.cancel(asked_);
  if (lookup_ != 0) shared_.resolver.cancel(lookup_);
  if (client_) shared_.loop.remove(client_.get());
  if (server_) shared_.loop.remove(server_.get());
}

void Tunnel::start() {
  tune(client_.get(), shared_.timing);
  shared_.loop.add(client_.get(), EPOLLIN, [this](std::uint32_t events) { on_client(events); });
  if (turned_ == Turned::foreign) return refuse(403, "it does not come from the session's network");
  if (turned_ == Turned::overloaded) return refuse(503, "too many tunnels are open");
  if (leg_ == Leg::transparent) return begin_hello();
  head_ = std::make_unique<RequestHead>();
  set_deadline(shared_.timing.head, &Tunnel::late_head);
}

void Tunnel::set_deadline(std::chrono::milliseconds delay, void (Tunnel::*action)()) {
  clear_deadline();
  deadline_ = shared_.loop.after(delay, [this, action] {
    deadline_ = 0;
    (this->*action)();
  });
}

void Tunnel::clear_deadline() { shared_.loop.cancel(std::exchange(deadline_, 0)); }

Event Tunnel::make_event(std::string_view name) const {
  Event event;
  event.event = name;
  event.leg = leg_;
  event.host = host_;
  event.port = port_;
  event.sni = sni_;
  if (address_) event.address = address_->to_string();
  event.rule = rule_;
  event.source = source_;
  if (number_ != 0) event.tunnel = number_;
  return event;
}

Event Tunnel::traffic_event(std::string_view name) const {
  Event event = make_event(name);
  event.allowed = true;
  event.sent = relay_->sent();
  event.received = relay_->received();
  event.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Loop::Clock::now() - since_).count());
  return event;
}

// --- what the client sends
// ----------------------------------------------------------------------------------------

void Tunnel::on_client(std::uint32_t events) {
  if (phase_ == Phase::refusing) return (events & EPOLLOUT) != 0 ? send_words() : drain();
  if (phase_ == Phase::waiting || phase_ == Phase::resolving || phase_ == Phase::dialling) return went_away();
  if ((events & EPOLLERR) != 0) return close_now();
  std::array<char, 16384> block{};
  const ssize_t count = ::recv(client_.get(), block.data(), block.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (count > 0) return feed({block.data(), static_cast<std::size_t>(count)});
  if (phase_ == Phase::hello) return went_away();
  // It may have said all that it has to say, and wait for the answer.
  if (count == 0 && head_ && !head_->head().empty()) return ask(Question::Kind::cut_short, head_->head());
  close_now();
}

void Tunnel::went_away() {
  const bool was_waiting = phase_ == Phase::waiting;
  end_waiting();
  Event event = make_event(was_waiting ? "answer" : "close");
  if (!host_.empty()) event.allowed = !was_waiting;
  event.reason = "the client went away before the tunnel was open";
  shared_.log.write(event);
  close_now();
}

void Tunnel::feed(std::string_view bytes) {
  if (phase_ == Phase::head) {
    if (head_->feed(bytes) != RequestHead::State::more) on_head();
  } else if (phase_ == Phase::hello) {
    if (hello_->feed(bytes) != ClientHello::State::more) on_hello();
  }
}

void Tunnel::on_head() {
  if (head_->state() == RequestHead::State::too_large) {
    return refuse(431, "the head of the request is too large");
  }
  early_ = head_->take_rest();
  if (!head_->is_connect()) {
    request_line_ = head_->line();
    return ask(Question::Kind::other, head_->head());
  }
  connect_ = std::make_unique<ConnectHead>();
  connect_->feed(head_->head());
  if (shared_.rules->ask.count() > 0) request_line_ = head_->line();
  ask(Question::Kind::tunnel, std::string(head_->line()));
}

void Tunnel::ask(Question::Kind kind, std::string text) {
  clear_deadline();
  phase_ = Phase::asking;
  // What it sends waits in the socket, and a client that has no more to say may still listen.
  shared_.loop.modify(client_.get(), 0);
  head_.reset();
  asked_ = shared_.verdicts.ask({kind, std::move(text)}, [this](Verdict verdict) {
    asked_ = 0;
    on_verdict(std::move(verdict));
  });
}

void Tunnel::on_verdict(Verdict verdict) {
  auto connect = std::move(connect_);
  if (verdict.kind == Verdict::Kind::refused)
    return pass_on_refusal(std::move(connect), std::move(verdict.words));
  if (connect && connect->state() == ConnectHead::State::done) host_ = connect->authority().host;
  if (connect && connect->state() == ConnectHead::State::failed) host_ = connect->target();
  if (verdict.kind == Verdict::Kind::failed) return refuse(verdict.status, verdict.reason);
  // Two parsers have read the request. One that does not understand it, or understands another host, says no.
  if (!connect || connect->state() == ConnectHead::State::more) {
    return refuse(400, "the head of the request is malformed");
  }
  if (connect->state() == ConnectHead::State::failed) return refuse(connect->status(), connect->reason());
  if (verdict.authority != connect->authority()) {
    return refuse(400, "tinyproxy takes it for a tunnel to " + verdict.authority.host);
  }
  port_ = connect->authority().port;
  if (!shared_.rules->canary.empty() && host_ == shared_.rules->canary) return answer_canary();
  admit();
}

// tinyproxy has one page for all that it refuses, and has written down why. The guard has better words.
void Tunnel::pass_on_refusal(std::unique_ptr<ConnectHead> connect, std::string words) {
  if (!says_forbidden(words)) return say_last_words(std::move(words));
  if (connect == nullptr) {
    const std::string_view target = target_of(request_line_);
    const bool plain = target.substr(0, 7) == "http://";
    return say_last_words(refusal_reply(403, target, plain ? plain_http : no_tunnel, {}));
  }
  if (connect->state() == ConnectHead::State::failed)
    return say_last_words(refusal_reply(403, connect->target(), connect->reason(), {}));
  if (connect->state() != ConnectHead::State::done) return say_last_words(std::move(words));
  host_ = connect->authority().host;
  port_ = connect->authority().port;
  if (!may_ask(host_)) return say_refusal_of_unlisted();
  connect_ = std::move(connect);
  ask_a_person(request_line_);
}

void Tunnel::say_refusal_of_unlisted() {
  say_last_words(refusal_reply(403, host_, policy::not_listed, allow_hint(host_, shared_.rules->session)));
}

void Tunnel::on_hello() {
  clear_deadline();
  if (hello_->state() == ClientHello::State::failed) return cut(hello_->reason());
  sni_ = hello_->server_name();
  if (leg_ == Leg::transparent) {
    host_ = sni_;
    return admit();
  }
  if (sni_ != host_) return cut(with_sni(sni_));
  begin_relay();
}

// --- policy
// -------------------------------------------------------------------------------------------------------

void Tunnel::admit() {
  const policy::Judgement judgement = policy::judge_host(host_, shared_.rules->entries);
  if (judgement.entry == nullptr && may_ask(host_)) return ask_a_person({});
  if (judgement.entry == nullptr)
    return refuse(403, judgement.reason, allow_hint(host_, shared_.rules->session));
  rule_ = judgement.entry->pattern;
  source_ = judgement.entry->source;
  resolve();
}

void Tunnel::refuse_unlisted() { refuse(403, policy::not_listed, allow_hint(host_, shared_.rules->session)); }

std::string Tunnel::address_refusal(const Ip& ip) const {
  const bool accepted = shared_.rules->allow_private.contains(host_);
  return refuse_address(ip, shared_.rules->floor, accepted ? PrivateUse::accepted : PrivateUse::refused);
}

void Tunnel::resolve() {
  phase_ = Phase::resolving;
  // From here on only its hanging up is of interest: what it sends waits in the socket.
  shared_.loop.modify(client_.get(), EPOLLRDHUP);
  lookup_ = shared_.resolver.resolve(host_, [this](const Lookup& lookup) {
    lookup_ = 0;
    on_resolved(lookup);
  });
  if (lookup_ == 0) return refuse(503, "too many names are being looked up");
  set_deadline(shared_.timing.resolve, &Tunnel::late_lookup);
}

void Tunnel::on_resolved(const Lookup& lookup) {
  clear_deadline();
  if (lookup.addresses.empty()) return refuse(502, lookup.error);
  for (const Ip& ip : lookup.addresses) {
    const std::string reason = address_refusal(ip);
    if (reason.empty()) continue;
    address_ = ip;
    std::string hint;
    if (refuse_address(ip, shared_.rules->floor, PrivateUse::accepted).empty()) {
      hint = "If this host is meant to be a private one: drydock run --allow-private " + host_;
    }
    return refuse(403, "its name leads to " + ip.to_string() + ", and " + reason, hint);
  }
  addresses_ = lookup.addresses;
  if (addresses_.size() > shared_.limits.addresses) addresses_.resize(shared_.limits.addresses);
  dial_next();
}

// --- the other side
// -----------------------------------------------------------------------------------------------

void Tunnel::dial_next() {
  phase_ = Phase::dialling;
  address_ = addresses_[next_address_++];
  sockaddr_storage target{};
  const socklen_t size = address_->to_sockaddr(shared_.target_port, target);
  server_ = UniqueFd(::socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!server_) return dial_failed(std::strerror(errno), false);
  tune(server_.get(), shared_.timing);
  if (::connect(server_.get(), reinterpret_cast<const sockaddr*>(&target), size) != 0 &&
      errno != EINPROGRESS) {
    return dial_failed(std::strerror(errno), false);
  }
  shared_.loop.add(server_.get(), EPOLLOUT, [this](std::uint32_t) { on_dialled(); });
  set_deadline(shared_.timing.dial, &Tunnel::late_dial);
}

void Tunnel::on_dialled() {
  clear_deadline();
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(server_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  shared_.loop.remove(server_.get());
  if (error != 0) return dial_failed(std::strerror(error), false);
  if (leg_ == Leg::transparent) return begin_relay();
  if (::send(client_.get(), established_reply.data(), established_reply.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(established_reply.size())) {
    return close_now();
  }
  begin_hello();
}

void Tunnel::dial_failed(const std::string& reason, bool timed_out) {
  if (server_) shared_.loop.remove(server_.get());
  server_.reset();
  if (next_address_ < addresses_.size()) return dial_next();
  refuse(timed_out ? 504 : 502, reason);
}

void Tunnel::begin_hello() {
  phase_ = Phase::hello;
  port_ = https_port;
  hello_ = std::make_unique<ClientHello>();
  set_deadline(shared_.timing.hello, &Tunnel::late_hello);
  shared_.loop.modify(client_.get(), EPOLLIN);
  const std::string early = std::exchange(early_, {});
  if (!early.empty()) feed(early);
}

void Tunnel::begin_relay() {
  phase_ = Phase::relaying;
  std::string first = hello_->take();
  hello_.reset();
  addresses_ = {};
  number_ = ++shared_.opened;
  Event event = make_event("open");
  event.allowed = true;
  shared_.log.write(event);
  shared_.loop.remove(client_.get());
  relay_ = std::make_unique<Relay>(shared_.loop, std::move(client_), std::move(server_),
                                   [this](const std::string& reason) { on_relay_end(reason); });
  told_at_ = Loop::Clock::now();
  await_progress();
  relay_->start(std::move(first));
}

// An idle tunnel has no timer: the word is due once there is something to say, and not sooner than it may be
// said.
void Tunnel::await_progress() {
  relay_->at_mark(told_ + shared_.limits.progress, [this] {
    const auto wait = told_at_ + shared_.timing.progress - Loop::Clock::now();
    set_deadline(std::max(std::chrono::ceil<std::chrono::milliseconds>(wait), std::chrono::milliseconds(0)),
                 &Tunnel::tell_progress);
  });
}

void Tunnel::tell_progress() {
  shared_.log.write(traffic_event("progress"));
  told_ = relay_->sent() + relay_->received();
  told_at_ = Loop::Clock::now();
  await_progress();
}

void Tunnel::on_relay_end(const std::string& reason) {
  Event event = traffic_event("close");
  event.reason = reason;
  shared_.log.write(event);
  close_now();
}

// --- endings
// ------------------------------------------------------------------------------------------------------

void Tunnel::answer_canary() {
  Event event = make_event("canary");
  event.allowed = true;
  shared_.log.write(event);
  say_last_words(std::string(established_reply));
}

void Tunnel::refuse(int status, const std::string& reason, const std::string& hint) {
  Event event = make_event(status < 500 ? "denied" : "close");
  event.allowed = status >= 500;
  event.reason = reason;
  shared_.log.write(event);
  say_last_words(leg_ == Leg::proxy ? refusal_reply(status, host_, reason, hint) : std::string(tls_alert));
}

void Tunnel::cut(const std::string& reason) {
  Event event = make_event("denied");
  event.allowed = false;
  event.reason = reason;
  shared_.log.write(event);
  say_last_words(hello_->is_tls() ? std::string(tls_alert) : std::string{});
}

// Words that are sent and a connection that is closed with bytes unread make a reset, which may destroy the
// words: so what the client still sends is read, for a while.
void Tunnel::say_last_words(std::string words) {
  phase_ = Phase::refusing;
  if (server_) shared_.loop.remove(server_.get());
  server_.reset();
  if (lookup_ != 0) shared_.resolver.cancel(std::exchange(lookup_, 0));
  last_words_ = std::move(words);
  set_deadline(shared_.timing.head, &Tunnel::close_now);
  send_words();
}

void Tunnel::send_words() {
  while (!last_words_.empty()) {
    const ssize_t count = ::send(client_.get(), last_words_.data(), last_words_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return shared_.loop.modify(client_.get(), EPOLLOUT);
    }
    if (count < 0) return close_now();
    last_words_.erase(0, static_cast<std::size_t>(count));
  }
  ::shutdown(client_.get(), SHUT_WR);
  set_deadline(shared_.timing.linger, &Tunnel::close_now);
  shared_.loop.modify(client_.get(), EPOLLIN);
}

void Tunnel::drain() {
  std::array<char, 16384> block{};
  const ssize_t count = ::recv(client_.get(), block.data(), block.size(), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) close_now();
}

void Tunnel::close_now() {
  if (phase_ == Phase::over) return;
  end_waiting();
  phase_ = Phase::over;
  clear_deadline();
  shared_.verdicts.cancel(std::exchange(asked_, 0));
  if (lookup_ != 0) shared_.resolver.cancel(std::exchange(lookup_, 0));
  if (client_) shared_.loop.remove(client_.get());
  if (server_) shared_.loop.remove(server_.get());
  client_.reset();
  server_.reset();
  shared_.ended(*this);
}

void Tunnel::recheck() {
  if (phase_ == Phase::waiting) return answer_if_allowed();
  const bool judged = phase_ != Phase::head && phase_ != Phase::asking;
  if (host_.empty() || !judged || phase_ == Phase::refusing || phase_ == Phase::over) return;
  const policy::Judgement judgement = policy::judge_host(host_, shared_.rules->entries);
  const bool address_holds = !address_ || address_refusal(*address_).empty();
  if (judgement.entry != nullptr && address_holds) return;
  const std::string reason = policy::no_longer_allowed;
  if (phase_ == Phase::hello) return cut(reason);
  if (phase_ != Phase::relaying) return refuse(403, reason);
  on_relay_end(reason);
  relay_.reset();
}

void Tunnel::late_head() { refuse(408, "the request did not come in time"); }

void Tunnel::late_lookup() {
  shared_.resolver.cancel(std::exchange(lookup_, 0));
  refuse(504, "the name server does not answer in time");
}

void Tunnel::late_dial() { dial_failed("it does not answer in time", true); }

void Tunnel::late_hello() { cut("its ClientHello did not come in time"); }

}  // namespace drydock::guard
