// What tinyproxy thinks of a request. Each is put to it over a connection of its own, with a mark that nobody
// can guess. It answers, which is a refusal, or hands a tunnel on to the listener here, with the mark, which
// is its consent. It never sees a byte of a tunnel.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/unique_fd.hpp"
#include "guard/connect_head.hpp"
#include "guard/event_log.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"

namespace drydock::guard {

// A request as it is put to tinyproxy.
struct Question {
  enum class Kind { tunnel, other, cut_short };

  Kind kind = Kind::other;
  // Of a tunnel the request line alone: what else the client says is not tinyproxy's to hear. Of another the
  // whole head; of one that was cut short what there is of it.
  std::string text;
};

struct Verdict {
  enum class Kind { admitted, refused, failed };

  Kind kind = Kind::failed;
  Authority authority;  // admitted: as tinyproxy understood it
  std::string words;    // refused: its answer, whole
  int status = 0;       // failed: 502 or 504, and the reason
  std::string reason;
};

class Verdicts {
 public:
  using Id = std::uint64_t;
  using Done = std::function<void(Verdict)>;

  Verdicts(Loop& loop, EventLog& log, const Timing& timing, const Limits& limits);
  ~Verdicts();
  Verdicts(const Verdicts&) = delete;
  Verdicts& operator=(const Verdicts&) = delete;

  // Listens on 127.0.0.1 for what tinyproxy admits. Returns the port (what was asked for, or the kernel's
  // choice for 0). Throws std::system_error.
  std::uint16_t listen(std::uint16_t port);

  // The port of the tinyproxy to ask from now on; 0: there is none, and questions wait. What the one before
  // it has not answered yet is asked again.
  void set_proxy(std::uint16_t port);

  // Called when tinyproxy has had a request for timing.silence and said nothing, once for each request that
  // it was given. Whoever ends it calls set_proxy(), and it is asked again.
  void on_silence(std::function<void()> action) { on_silence_ = std::move(action); }

  // `done` is called once, from the loop and never from within ask().
  Id ask(Question question, Done done);
  // `done` is not called any more.
  void cancel(Id id);

 private:
  struct Asked;
  struct Caller;

  void put_waiting();
  void put(Asked& asked);
  void take_back(Asked& asked);
  void on_proxy(Id id, std::uint32_t events);
  void on_answer(Asked& asked);
  void ask_again(Asked& asked);
  void finish(Id id, Verdict verdict);

  void accept_some();
  void on_caller(int fd);
  void judge(Caller& caller);
  void refuse(Caller& caller, int status, const std::string& reason);
  void close(int fd);

  Loop& loop_;
  EventLog& log_;
  Timing timing_;
  Limits limits_;
  UniqueFd listener_;
  std::uint16_t proxy_ = 0;
  std::function<void()> on_silence_;
  Id last_id_ = 0;
  std::unordered_map<Id, std::unique_ptr<Asked>> asked_;
  std::unordered_map<std::string, Id> marks_;
  std::deque<Id> waiting_;
  std::size_t in_hand_ = 0;
  Loop::TimerId again_ = 0;
  Loop::TimerId pause_ = 0;
  std::unordered_map<int, std::unique_ptr<Caller>> callers_;
};

}  // namespace drydock::guard
