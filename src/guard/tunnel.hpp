// One tunnel, from the accepted connection to its end. On the proxy's leg:
//   head -> tinyproxy's verdict -> allowlist -> look-up -> address floor -> dial -> 200
//     -> ClientHello, SNI = host -> relay
// and on the transparent leg, where the host is what the SNI says:
//   ClientHello -> allowlist -> look-up -> address floor -> dial -> relay
// Where the rules say so, what the allowlist does not have waits for a person's yes (tunnel_ask.cpp).
// The name is looked up once, and the address that was checked is the one that is dialled.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guard/client_hello.hpp"
#include "guard/config.hpp"
#include "guard/connect_head.hpp"
#include "guard/event_log.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"
#include "guard/relay.hpp"
#include "guard/request_head.hpp"
#include "guard/resolver.hpp"
#include "guard/verdicts.hpp"

namespace drydock::guard {

class Tunnel;

// What tunnels share. `rules` is replaced as a whole.
struct Shared {
  Loop& loop;
  Resolver& resolver;
  Verdicts& verdicts;
  EventLog& log;
  Timing timing;
  Limits limits;
  std::uint16_t target_port = 443;  // what is dialled; another one in tests only
  std::shared_ptr<const Rules> rules;
  std::function<void(Tunnel&)> ended;  // called once; the tunnel may be destroyed after the call returned
  std::function<bool()> is_watched;    // whether somebody can say yes; empty: nobody
  std::size_t asking = 0;              // tunnels that wait for that
  std::uint64_t opened = 0;            // the number of the last one that was opened
};

class Tunnel {
 public:
  // Why a client is turned away without being heard.
  enum class Turned { no, overloaded, foreign };

  Tunnel(Shared& shared, UniqueFd client, Leg leg, Turned turned);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  void start();
  // The rules have changed: ends the tunnel if they do not admit it any more.
  void recheck();

 private:
  enum class Phase { head, asking, waiting, resolving, dialling, hello, relaying, refusing, over };

  void set_deadline(std::chrono::milliseconds delay, void (Tunnel::*action)());
  void clear_deadline();

  void on_client(std::uint32_t events);
  void feed(std::string_view bytes);
  void went_away();
  void on_head();
  void ask(Question::Kind kind, std::string text);
  void on_verdict(Verdict verdict);
  void pass_on_refusal(std::unique_ptr<ConnectHead> connect, std::string words);
  void say_refusal_of_unlisted();
  void refuse_unlisted();
  void on_hello();
  void admit();
  bool may_ask(const std::string& host) const;
  void ask_a_person(std::string question);
  void look_for_answer();
  void answer_if_allowed();
  void answer_no(const std::string& reason);
  void end_waiting();

  void resolve();
  void on_resolved(const Lookup& lookup);
  void dial_next();
  void on_dialled();
  void dial_failed(const std::string& reason, bool timed_out);
  void begin_hello();
  void begin_relay();
  void await_progress();
  void tell_progress();
  void on_relay_end(const std::string& reason);

  void answer_canary();
  // Refusals before the answer 200, or on the transparent leg before anything: an HTTP status says what it
  // is.
  void refuse(int status, const std::string& reason, const std::string& hint = {});
  // After the answer 200, when nothing but TLS would be understood.
  void cut(const std::string& reason);
  void say_last_words(std::string words);
  void send_words();
  void drain();
  void close_now();

  void late_head();
  void late_lookup();
  void late_dial();
  void late_hello();

  Event make_event(std::string_view name) const;
  Event traffic_event(std::string_view name) const;
  std::string address_refusal(const Ip& ip) const;

  Shared& shared_;
  UniqueFd client_;
  UniqueFd server_;
  Leg leg_;
  Turned turned_;
  Phase phase_ = Phase::head;
  Loop::TimerId deadline_ = 0;
  Loop::Clock::time_point since_ = Loop::Clock::now();

  std::unique_ptr<RequestHead> head_;
  std::unique_ptr<ConnectHead> connect_;  // what the guard itself makes of the head
  Verdicts::Id asked_ = 0;
  std::unique_ptr<ClientHello> hello_;
  bool has_asked_ = false;  // a person
  std::string request_line_;
  std::string question_;  // that tinyproxy is asked again
  Loop::Clock::time_point answer_until_;
  std::string early_;  // what the client sent before it was asked
  std::string last_words_;
  std::string host_;
  std::optional<std::uint32_t> port_;
  std::string sni_;
  std::string rule_;
  std::string source_;
  Resolver::Id lookup_ = 0;
  std::vector<Ip> addresses_;
  std::size_t next_address_ = 0;
  std::optional<Ip> address_;
  std::uint64_t number_ = 0;  // once it is open
  std::unique_ptr<Relay> relay_;
  std::uint64_t told_ = 0;  // octets that the log knows of, both ways together
  Loop::Clock::time_point told_at_;
};

}  // namespace drydock::guard
