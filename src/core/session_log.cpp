#include "core/session_log.hpp"

#include "base/error.hpp"
#include "runtime/stream/lines.hpp"

namespace drydock::core {

void read_agent_log(runtime::Engine& engine, const SessionRecord& session, bool follow,
                    const runtime::LogSink& sink) {
  if (session.agents.empty()) {
    throw Error(ErrorKind::not_found,
                "cannot read the log of session '" + session.id + "': its container is gone",
                "remove what is left with: drydock gc");
  }
  const std::string& agent = session.agents.front();
  const bool tty = engine.containers().inspect(agent).tty;
  engine.containers().read_log(agent, {.tty = tty, .follow = follow}, sink);
}

void read_egress_log(runtime::Engine& engine, const SessionRecord& session, bool follow,
                     const std::function<bool(std::string_view line)>& sink, int tail) {
  if (session.sidecars.empty()) {
    throw Error(ErrorKind::not_found,
                "cannot read the egress log of session '" + session.id + "': it has no sidecar",
                session.mode == "dood" ? "a dood session is not jailed: there are no decisions" : "");
  }
  bool wanted = true;
  const auto hand_on = [&](std::string_view line) { wanted = wanted && sink(line); };
  // Its two streams are cut into lines apart: a line of one never breaks one of the other.
  runtime::stream::Lines out;
  runtime::stream::Lines err;
  engine.containers().read_log(session.sidecars.front(), {.tty = false, .follow = follow, .tail = tail},
                               [&](runtime::Channel channel, std::string_view bytes) {
                                 (channel == runtime::Channel::err ? err : out).feed(bytes, hand_on);
                                 return wanted;
                               });
  out.finish(hand_on);
  err.finish(hand_on);
}

}  // namespace drydock::core
