#include "core/attach.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/attendance.hpp"
#include "core/carry.hpp"
#include "core/farewell.hpp"
#include "core/sidecar_watch.hpp"

namespace drydock::core {
namespace {

constexpr int timed_out_status = 124;  // as timeout(1)

void tell_of(const std::vector<int>& others, const SessionRecord& session, Talk& talk) {
  if (others.empty()) return;
  std::vector<std::string> pids;
  for (const int pid : others) pids.push_back(std::to_string(pid));
  talk.warn("another drydock is attached to session " + session.id + " as well (process " + join(pids, ", ") +
            "): both see the same and both are heard");
}

std::optional<std::chrono::steady_clock::time_point> deadline_of(const SessionRecord& session) {
  if (session.expires == 0) return std::nullopt;
  const std::int64_t left = std::max<std::int64_t>(0, session.expires - std::time(nullptr));
  return std::chrono::steady_clock::now() + std::chrono::seconds(left);
}

int final_status(runtime::Engine& engine, const std::string& agent, const Attendance& attendance) {
  try {
    return engine.containers().wait(agent);
  } catch (const Error& error) {
    // Another drydock has removed it already, and left word.
    const auto recorded = attendance.recorded_status();
    if (error.kind() != ErrorKind::not_found || !recorded) throw;
    return *recorded;
  }
}

void close_session(runtime::Engine& engine, const SessionRecord& session, int status, Talk& talk) {
  record_status(session.id, status);
  if (session.keep) {
    say_farewell(engine, session, talk);
    rest_sidecars(engine, session.sidecars);
    talk.say("session " + session.id + " has ended and is kept; remove it with: drydock stop " + session.id);
    return;
  }
  for (const std::string& failure : remove_session(engine, session, farewell_of(engine, talk)))
    talk.warn(failure);
}

int sidecar_pid(runtime::Engine& engine, const SessionRecord& session) {
  if (session.sidecars.empty()) return 0;
  try {
    return engine.containers().inspect(session.sidecars.front()).pid;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return 0;
  }
}

}  // namespace

int attach_session(runtime::Engine& engine, const SessionRecord& session, const AttachOptions& options,
                   Talk& talk, StopSource& stop) {
  const std::string agent = session.agents.front();
  const runtime::ContainerReport report = engine.containers().inspect(agent);
  if (report.state != runtime::ContainerState::running) {
    throw Error(ErrorKind::conflict, "cannot attach to session '" + session.id + "': it does not run now",
                "see: drydock list --all");
  }
  if (report.tty && !options.watch && !options.terminal) {
    throw Error(ErrorKind::usage,
                "cannot attach to session '" + session.id +
                    "': it has a terminal, and standard input and output are none",
                "pass --watch to see its output only");
  }
  const std::vector<int> others = others_attached(session.id);
  tell_of(others, session, talk);
  const Attendance attendance(session.id);

  CarryOptions carried;
  carried.tty = report.tty && !options.watch;
  // Without a terminal the end of one input would be the end of the other's.
  carried.with_stdin = report.open_stdin && !options.watch && (report.tty || others.empty());
  carried.detach_keys = options.detach_keys;
  carried.resize = [&](runtime::TerminalSize size) { engine.containers().resize(agent, size); };
  carried.repaint = true;
  const SidecarWatch sidecar(sidecar_pid(engine, session));
  carried.watched = sidecar.fd();
  carried.on_watched = [&] { tell_sidecar_ended(session.id, carried.tty, talk); };
  if (!options.watch) carried.deadline = deadline_of(session);
  PumpEnd end{};
  {
    const auto stream = engine.containers().attach(agent, report.tty, carried.with_stdin);
    end = carry(*stream, carried, stop);
  }

  const bool hung_up = end == PumpEnd::stopped && stop.signal() == SIGHUP && carried.tty;
  if (end == PumpEnd::detached || hung_up) {
    stop.acknowledge();
    if (!session.detached) mark_detached(session.id);
    if (!hung_up) talk.say("detached from session " + session.id);
    return hung_up ? 128 + SIGHUP : 0;
  }
  if (end == PumpEnd::stopped && options.watch) return 128 + stop.acknowledge();
  if (end == PumpEnd::stream_ended) {
    const int status = final_status(engine, agent, attendance);
    if (!options.watch || session.detached) close_session(engine, session, status, talk);
    return status;
  }
  const int signal = stop.acknowledge();
  const int status = end == PumpEnd::timed_out ? timed_out_status : 128 + signal;
  if (end == PumpEnd::timed_out) talk.warn("session " + session.id + " has reached its time limit");
  end_session(engine, session, default_grace);
  close_session(engine, session, status, talk);
  return status;
}

}  // namespace drydock::core
