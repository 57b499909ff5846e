// A tunnel to a host that is not on the list, in a session that asks: it waits until a person has said yes,
// which is a change of the rules like any other, and then goes through everything from the start. Nothing of
// it leaves the machine meanwhile.
#include <sys/epoll.h>

#include <utility>

#include "guard/tunnel.hpp"
#include "policy/host_name.hpp"

namespace drydock::guard {

// Only a name that a line of an allowlist can be, once a tunnel, and only while somebody looks on.
bool Tunnel::may_ask(const std::string& host) const {
  if (shared_.rules->ask.count() == 0 || has_asked_ || shared_.asking >= shared_.limits.asking) return false;
  if (!policy::can_be_listed(host)) return false;
  const policy::Judgement judgement = policy::judge_host(host, shared_.rules->entries);
  return judgement.entry == nullptr && judgement.reason == policy::not_listed && shared_.is_watched &&
         shared_.is_watched();
}

// `question` is put to tinyproxy again when the answer is yes; without one the guard's own list alone said
// no.
void Tunnel::ask_a_person(std::string question) {
  clear_deadline();
  has_asked_ = true;
  phase_ = Phase::waiting;
  ++shared_.asking;
  question_ = std::move(question);
  answer_until_ = Loop::Clock::now() + shared_.rules->ask;
  Event event = make_event("ask");
  event.reason = "waits for a yes, " + std::to_string(shared_.rules->ask.count()) + " s at most";
  shared_.log.write(event);
  shared_.loop.modify(client_.get(), EPOLLRDHUP);
  set_deadline(shared_.timing.ask_look, &Tunnel::look_for_answer);
}

void Tunnel::look_for_answer() {
  if (!shared_.is_watched()) return answer_no("nobody looks on any more");
  if (Loop::Clock::now() >= answer_until_) return answer_no("nobody said yes in time");
  set_deadline(shared_.timing.ask_look, &Tunnel::look_for_answer);
}

// The rules have changed.
void Tunnel::answer_if_allowed() {
  const policy::Judgement judgement = policy::judge_host(host_, shared_.rules->entries);
  if (judgement.entry == nullptr) return;
  end_waiting();
  Event event = make_event("answer");
  event.allowed = true;
  event.rule = judgement.entry->pattern;
  event.source = judgement.entry->source;
  // tinyproxy has written down its refusal when it was asked.
  if (!question_.empty()) event.withdraws = 1;
  shared_.log.write(event);
  if (question_.empty()) return admit();
  ask(Question::Kind::tunnel, std::exchange(question_, {}));
}

void Tunnel::answer_no(const std::string& reason) {
  end_waiting();
  Event event = make_event("answer");
  event.allowed = false;
  event.reason = reason;
  shared_.log.write(event);
  if (question_.empty()) return refuse_unlisted();
  // tinyproxy has written down its refusal when it was asked.
  say_refusal_of_unlisted();
}

void Tunnel::end_waiting() {
  if (phase_ != Phase::waiting) return;
  phase_ = Phase::asking;
  --shared_.asking;
  clear_deadline();
}

}  // namespace drydock::guard
