// Whatever tinyproxy answers, and whatever is handed on to the guard, in whatever pieces: each question has
// one verdict, consent needs the question's mark, and a refusal is passed on whole or not at all.
#include "guard/verdicts.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "fuzz.hpp"

using drydock::UniqueFd;
using drydock::fuzz::require;
using drydock::guard::EventLog;
using drydock::guard::Limits;
using drydock::guard::Loop;
using drydock::guard::Question;
using drydock::guard::Timing;
using drydock::guard::Verdict;
using drydock::guard::Verdicts;

namespace {

constexpr std::size_t longest_answer = std::size_t{64} << 10;
constexpr char mark_here = '\1';  // where the input has the mark of the question
constexpr const char* plain_refusal = "HTTP/1.0 403 Filtered\r\n\r\n";

// What the input says beside its text.
struct Case {
  Question::Kind kind = Question::Kind::tunnel;
  bool hands_on = false;  // the text is what is handed on, else it is the answer
  bool is_long = false;   // the text many times over
  std::size_t step = 1;   // octets at once
};

Case case_of(const std::uint8_t* data) {
  constexpr std::array kinds{Question::Kind::tunnel, Question::Kind::other, Question::Kind::cut_short};
  const bool is_long = (data[0] & 8U) != 0;
  const std::size_t step = data[1] * 16U + 1U;
  return {kinds[data[0] % 3U], (data[0] & 4U) != 0, is_long, is_long ? step + 4096 : step};
}

std::string question_of(Question::Kind kind) {
  if (kind == Question::Kind::tunnel) return "CONNECT a.test:443 HTTP/1.1";
  return kind == Question::Kind::other ? "GET http://a.test/ HTTP/1.1\r\n\r\n" : "GET http://a.test/ HT";
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// tinyproxy, which does what a case says, in the guard's own loop.
class Proxy {
 public:
  Proxy(Loop& loop, const Case& what, std::string text)
      : loop_(loop),
        case_(what),
        text_(std::move(text)),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const int on = 1;
    require(::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            ::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 4) == 0 &&
            ::getsockname(listener_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
  }
  ~Proxy() {
    for (const UniqueFd* fd : {&listener_, &asked_, &back_}) {
      if (*fd) loop_.remove(fd->get());
    }
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::uint16_t port() const { return port_; }
  void set_back_port(std::uint16_t port) { back_port_ = port; }
  bool has_sent_mark() const { return has_sent_mark_; }

 private:
  void accept() {
    require(!asked_);
    asked_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    require(static_cast<bool>(asked_));
    loop_.add(asked_.get(), EPOLLIN, [this](std::uint32_t) { read_question(); });
  }

  void read_question() {
    std::array<char, 4096> block{};
    const ssize_t count = ::recv(asked_.get(), block.data(), block.size(), 0);
    if (count < 0) return loop_.remove(asked_.get());
    question_.append(block.data(), static_cast<std::size_t>(count));
    const bool whole = case_.kind == Question::Kind::cut_short
                           ? count == 0
                           : question_.size() > 4 && question_.substr(question_.size() - 4) == "\r\n\r\n";
    if (!whole) return require(count > 0);
    loop_.modify(asked_.get(), 0);
    if (case_.hands_on) return hand_on();
    answer(text_);
  }

  void answer(const std::string& words) {
    unsent_ = words;
    write_to(asked_, [this] {
      ::shutdown(asked_.get(), SHUT_WR);
      loop_.modify(asked_.get(), 0);
    });
  }

  void hand_on() {
    const auto field = question_.find(": ");
    for (const char octet : text_) {
      if (octet != mark_here || case_.kind != Question::Kind::tunnel) {
        unsent_ += octet;
      } else {
        has_sent_mark_ = true;
        unsent_ += question_.substr(field + 2, 32);
      }
    }
    // Never waited for: libFuzzer's own alarm, every few seconds, would cut the wait short.
    back_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(back_port_);
    require(::connect(back_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
            errno == EINPROGRESS);
    write_to(back_, [this] { listen_to_guard(); });
  }

  // What the guard has to say of it; then the answer that every client gets.
  void listen_to_guard() {
    // Where it waits for more, there is none.
    const Loop::TimerId end =
        loop_.after(std::chrono::milliseconds(1), [this] { ::shutdown(back_.get(), SHUT_WR); });
    loop_.remove(back_.get());
    loop_.add(back_.get(), EPOLLIN, [this, end](std::uint32_t) {
      std::array<char, 4096> block{};
      if (::recv(back_.get(), block.data(), block.size(), 0) > 0) return;
      loop_.cancel(end);
      loop_.remove(back_.get());
      // Or each of them would keep a port for a minute.
      const linger now{1, 0};
      ::setsockopt(back_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      back_.reset();
      answer(plain_refusal);
    });
  }

  // One piece for each turn of the loop, so that the guard reads in between.
  void write_to(const UniqueFd& fd, std::function<void()> then) {
    loop_.remove(fd.get());
    loop_.add(fd.get(), EPOLLOUT, [this, &fd, then = std::move(then)](std::uint32_t) {
      const std::size_t piece = std::min(case_.step, unsent_.size());
      const ssize_t count = piece == 0 ? 0 : ::send(fd.get(), unsent_.data(), piece, MSG_NOSIGNAL);
      if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
      if (count < 0 && errno == EAGAIN) return;
      if (count >= 0 && !unsent_.empty()) return;
      const auto next = then;  // which replaces this handler
      next();
    });
  }

  Loop& loop_;
  Case case_;
  std::string text_;
  UniqueFd listener_;
  UniqueFd asked_;
  UniqueFd back_;
  std::uint16_t port_ = 0;
  std::uint16_t back_port_ = 0;
  std::string question_;
  std::string unsent_;
  bool has_sent_mark_ = false;
};

void require_sound(const Case& what, const std::string& text, const Verdict& verdict, bool has_sent_mark) {
  const std::string& said = what.hands_on ? plain_refusal : text;
  const bool is_refusal = said.size() > 12 && said.size() <= longest_answer &&
                          said.rfind("HTTP/1.", 0) == 0 && said[8] == ' ' &&
                          (said[9] == '4' || said[9] == '5');
  switch (verdict.kind) {
    case Verdict::Kind::admitted:
      return require(has_sent_mark && !verdict.authority.host.empty());
    case Verdict::Kind::refused:
      return require(is_refusal && verdict.words == said);
    case Verdict::Kind::failed:
      require(!is_refusal && (verdict.status == 400 || verdict.status == 502));
      return require(!verdict.reason.empty() && verdict.reason.find('\n') == std::string::npos);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const Case what = case_of(data);
  std::string text(drydock::fuzz::text(data + 2, size - 2));
  while (what.is_long && !text.empty() && text.size() <= longest_answer) text += text;

  Loop loop;
  EventLog log(nowhere.get());
  Timing timing;
  timing.ask_again = std::chrono::milliseconds(1);
  Limits limits;
  limits.asked_times = 1;
  Proxy proxy(loop, what, text);
  std::optional<Verdict> verdict;
  Verdicts verdicts(loop, log, timing, limits);
  proxy.set_back_port(verdicts.listen(0));
  verdicts.set_proxy(proxy.port());
  verdicts.ask({what.kind, question_of(what.kind)}, [&](Verdict found) {
    require(!verdict);
    verdict = std::move(found);
    loop.stop();
  });
  loop.run();
  require_sound(what, text, *verdict, proxy.has_sent_mark());
  return 0;
}
