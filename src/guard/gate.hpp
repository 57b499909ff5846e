// The listeners of both legs and the tunnels that came through them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "guard/tunnel.hpp"

namespace drydock::guard {

class Gate {
 public:
  Gate(Loop& loop, Resolver& resolver, Verdicts& verdicts, EventLog& log, const Timing& timing,
       const Limits& limits);
  ~Gate();

  // Returns the port (what was asked for, or the kernel's choice for 0). Throws std::system_error.
  std::uint16_t listen(const Endpoint& endpoint, Leg leg);
  // Takes new rules and ends what they do not admit any more.
  void set_rules(Rules rules);
  // Who may come. Nobody, until it is said.
  void set_clients(const IpRange& clients) { clients_ = clients; }
  // Whether somebody looks on who can say yes, where the rules have tunnels ask.
  void set_watched(std::function<bool()> watched) { shared_.is_watched = std::move(watched); }
  void set_target_port(std::uint16_t port) { shared_.target_port = port; }
  std::size_t tunnels() const { return tunnels_.size(); }

 private:
  void accept_some(int listener, Leg leg);
  void bury(Tunnel& tunnel);

  Tunnel::Turned why_not(const sockaddr* peer) const;

  Shared shared_;
  std::optional<IpRange> clients_;
  std::vector<UniqueFd> listeners_;
  std::unordered_map<Tunnel*, std::unique_ptr<Tunnel>> tunnels_;
  std::vector<std::unique_ptr<Tunnel>> dead_;
  Loop::TimerId funeral_ = 0;
  Loop::TimerId pause_ = 0;
};

}  // namespace drydock::guard
