#include "guard/verdicts.hpp"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "guard/ip.hpp"
#include "guard/reply.hpp"

namespace drydock::guard {
namespace {

constexpr const char* mark_field = "x-drydock-tunnel";
constexpr std::size_t mark_size = 16;
constexpr std::size_t answer_limit = std::size_t{64} << 10;
constexpr int backlog = 512;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::string make_mark() {
  constexpr const char* digits = "0123456789abcdef";
  std::array<unsigned char, mark_size> bytes{};
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot get random bytes");
  }
  std::string mark;
  for (const unsigned char byte : bytes) {
    mark += digits[byte >> 4];
    mark += digits[byte & 15];
  }
  return mark;
}

// tinyproxy never says yes by itself: only the guard does.
bool is_refusal(std::string_view answer) {
  return answer.size() > 12 && answer.substr(0, 7) == "HTTP/1." && answer[8] == ' ' &&
         (answer[9] == '4' || answer[9] == '5');
}

// Both are over with it, and neither is to keep the connection in TIME_WAIT.
void reset(UniqueFd& fd) {
  const linger now{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

struct Verdicts::Asked {
  Id id = 0;
  Question question;
  Done done;
  Loop::TimerId deadline = 0;
  Loop::TimerId silence = 0;  // while it is in tinyproxy's hands
  int times = 0;
  UniqueFd fd;  // while it is in tinyproxy's hands
  bool connected = false;
  std::string mark;
  std::string unsent;
  std::string answer;
};

struct Verdicts::Caller {
  UniqueFd fd;
  Loop::TimerId deadline = 0;
  bool refused = false;
  ConnectHead head{mark_field};
};

Verdicts::Verdicts(Loop& loop, EventLog& log, const Timing& timing, const Limits& limits)
    : loop_(loop), log_(log), timing_(timing), limits_(limits) {}

Verdicts::~Verdicts() {
  loop_.cancel(again_);
  loop_.cancel(pause_);
  for (const auto& [id, asked] : asked_) {
    loop_.cancel(asked->deadline);
    loop_.cancel(asked->silence);
    if (asked->fd) loop_.remove(asked->fd.get());
  }
  for (const auto& [fd, caller] : callers_) {
    loop_.cancel(caller->deadline);
    loop_.remove(fd);
  }
  if (listener_) loop_.remove(listener_.get());
}

// --- asking
// -------------------------------------------------------------------------------------------------------

Verdicts::Id Verdicts::ask(Question question, Done done) {
  auto asked = std::make_unique<Asked>();
  const Id id = asked->id = ++last_id_;
  asked->question = std::move(question);
  asked->done = std::move(done);
  asked->deadline = loop_.after(timing_.verdict, [this, id] {
    asked_.at(id)->deadline = 0;
    finish(id, {Verdict::Kind::failed, {}, {}, 504, "tinyproxy does not answer in time"});
  });
  asked_.emplace(id, std::move(asked));
  waiting_.push_back(id);
  put_waiting();
  return id;
}

void Verdicts::cancel(Id id) {
  const auto found = asked_.find(id);
  if (found == asked_.end()) return;
  loop_.cancel(found->second->deadline);
  take_back(*found->second);
  asked_.erase(found);
  put_waiting();
}

void Verdicts::set_proxy(std::uint16_t port) {
  proxy_ = port;
  std::vector<Id> unanswered;
  for (const auto& [id, asked] : asked_) {
    if (asked->fd) unanswered.push_back(id);
  }
  std::sort(unanswered.begin(), unanswered.end());
  for (const Id id : unanswered) take_back(*asked_.at(id));
  waiting_.insert(waiting_.begin(), unanswered.begin(), unanswered.end());
  put_waiting();
}

void Verdicts::put_waiting() {
  // One that cannot be put goes to the end of the line.
  for (std::size_t left = waiting_.size(); left > 0 && proxy_ != 0 && in_hand_ < limits_.asked; --left) {
    const Id id = waiting_.front();
    waiting_.pop_front();
    if (const auto found = asked_.find(id); found != asked_.end()) put(*found->second);
  }
}

void Verdicts::put(Asked& asked) {
  const sockaddr_in address = loopback(proxy_);
  asked.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!asked.fd) return ask_again(asked);
  ++in_hand_;
  asked.silence = loop_.after(timing_.silence, [this, id = asked.id] {
    asked_.at(id)->silence = 0;
    if (on_silence_) on_silence_();
  });
  asked.unsent = asked.question.text;
  if (asked.question.kind == Question::Kind::tunnel) {
    asked.mark = make_mark();
    marks_[asked.mark] = asked.id;
    asked.unsent += std::string("\r\n") + mark_field + ": " + asked.mark + "\r\n\r\n";
  }
  loop_.add(asked.fd.get(), EPOLLOUT, [this, id = asked.id](std::uint32_t events) { on_proxy(id, events); });
  if (::connect(asked.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    ask_again(asked);
  }
}

void Verdicts::take_back(Asked& asked) {
  if (!asked.fd) return;
  loop_.cancel(std::exchange(asked.silence, 0));
  loop_.remove(asked.fd.get());
  reset(asked.fd);
  --in_hand_;
  marks_.erase(std::exchange(asked.mark, {}));
  asked.connected = false;
  asked.unsent.clear();
  asked.answer.clear();
}

void Verdicts::on_proxy(Id id, std::uint32_t events) {
  Asked& asked = *asked_.at(id);
  if (!asked.connected) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return ask_again(asked);
    asked.connected = true;
    ++asked.times;
  }
  if (!asked.unsent.empty()) {
    const ssize_t count = ::send(asked.fd.get(), asked.unsent.data(), asked.unsent.size(), MSG_NOSIGNAL);
    if (count < 0 && would_block()) return;
    if (count < 0) return ask_again(asked);
    asked.unsent.erase(0, static_cast<std::size_t>(count));
    if (!asked.unsent.empty()) return;
    if (asked.question.kind == Question::Kind::cut_short) ::shutdown(asked.fd.get(), SHUT_WR);
    return loop_.modify(asked.fd.get(), EPOLLIN);
  }
  std::array<char, 16384> block{};
  const ssize_t count = ::recv(asked.fd.get(), block.data(), block.size(), 0);
  if (count < 0 && would_block()) return;
  if (count <= 0) return on_answer(asked);
  asked.answer.append(block.data(), static_cast<std::size_t>(count));
  if (asked.answer.size() > answer_limit) {
    finish(id, {Verdict::Kind::failed, {}, {}, 502, "tinyproxy's answer is too long"});
  }
}

void Verdicts::on_answer(Asked& asked) {
  if (asked.answer.empty()) {
    if (asked.question.kind != Question::Kind::cut_short) return ask_again(asked);
    return finish(asked.id, {Verdict::Kind::failed, {}, {}, 400, "the request is cut short"});
  }
  if (!is_refusal(asked.answer)) {
    return finish(asked.id, {Verdict::Kind::failed, {}, {}, 502, "tinyproxy's answer is not understood"});
  }
  finish(asked.id, {Verdict::Kind::refused, {}, std::move(asked.answer), 0, {}});
}

// tinyproxy is not there, or has ended with the request in its hands.
void Verdicts::ask_again(Asked& asked) {
  take_back(asked);
  if (asked.times >= limits_.asked_times) {
    return finish(asked.id, {Verdict::Kind::failed, {}, {}, 502, "tinyproxy ended without an answer"});
  }
  waiting_.push_back(asked.id);
  if (again_ != 0) return;
  again_ = loop_.after(timing_.ask_again, [this] {
    again_ = 0;
    put_waiting();
  });
}

void Verdicts::finish(Id id, Verdict verdict) {
  const auto found = asked_.find(id);
  const std::unique_ptr<Asked> asked = std::move(found->second);
  asked_.erase(found);
  loop_.cancel(asked->deadline);
  take_back(*asked);
  put_waiting();
  asked->done(std::move(verdict));
}

// --- what tinyproxy hands on
// --------------------------------------------------------------------------------------

std::uint16_t Verdicts::listen(std::uint16_t port) {
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener_ || ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), backlog) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot listen at 127.0.0.1, port " + std::to_string(port));
  }
  loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_some(); });
  return ntohs(address.sin_port);
}

void Verdicts::accept_some() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (would_block()) return;
    // The listener would report the same connection over and over.
    loop_.modify(listener_.get(), 0);
    pause_ = loop_.after(timing_.accept_pause, [this] { loop_.modify(listener_.get(), EPOLLIN); });
    return;
  }
  // tinyproxy has no more than that to hand on.
  if (callers_.size() >= 2 * limits_.asked) return;
  const int number = fd.get();
  auto caller = std::make_unique<Caller>();
  caller->fd = std::move(fd);
  caller->deadline = loop_.after(timing_.head, [this, number] { close(number); });
  callers_.emplace(number, std::move(caller));
  loop_.add(number, EPOLLIN, [this, number](std::uint32_t) { on_caller(number); });
}

void Verdicts::on_caller(int fd) {
  Caller& caller = *callers_.at(fd);
  std::array<char, 16384> block{};
  const ssize_t count = ::recv(fd, block.data(), block.size(), 0);
  if (count < 0 && would_block()) return;
  if (count <= 0) return close(fd);
  if (caller.refused) return;
  if (caller.head.feed({block.data(), static_cast<std::size_t>(count)}) != ConnectHead::State::more) {
    judge(caller);
  }
}

void Verdicts::judge(Caller& caller) {
  if (caller.head.state() == ConnectHead::State::failed) {
    return refuse(caller, caller.head.status(), caller.head.reason());
  }
  const auto found = marks_.find(caller.head.field_value());
  if (found == marks_.end()) return refuse(caller, 403, "nobody has asked for this tunnel");
  const Id id = found->second;
  Verdict verdict{Verdict::Kind::admitted, caller.head.authority(), {}, 0, {}};
  close(caller.fd.get());
  finish(id, std::move(verdict));
}

// tinyproxy passes these words on to the client, if there is one.
void Verdicts::refuse(Caller& caller, int status, const std::string& reason) {
  const bool parsed = caller.head.state() == ConnectHead::State::done;
  const std::string& target = parsed ? caller.head.authority().host : caller.head.target();
  Event event;
  event.event = "denied";
  event.leg = Leg::proxy;
  event.host = target;
  event.allowed = false;
  event.reason = reason;
  log_.write(event);
  const std::string words = refusal_reply(status, target, reason, {});
  ::send(caller.fd.get(), words.data(), words.size(), MSG_NOSIGNAL);
  ::shutdown(caller.fd.get(), SHUT_WR);
  caller.refused = true;
}

void Verdicts::close(int fd) {
  const auto found = callers_.find(fd);
  loop_.cancel(found->second->deadline);
  loop_.remove(fd);
  reset(found->second->fd);
  callers_.erase(found);
}

}  // namespace drydock::guard
