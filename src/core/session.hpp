// One session's life on the engine: launched from a plan, attached, ended, removed. Whatever fails on the way
// up takes everything down again.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_source.hpp"
#include "core/canary.hpp"
#include "core/plan.hpp"
#include "core/pump.hpp"
#include "core/secrets.hpp"
#include "core/sessions.hpp"
#include "core/timings.hpp"
#include "core/watch_lease.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

class Session {
 public:
  // All of them must outlive the session. `plan` must be sound (require_sound). The steps of its start are
  // added to `timings`.
  Session(runtime::Engine& engine, const Plan& plan, StopSource& stop, Timings* timings = nullptr);

  // Makes files, networks and containers, reads them back against the plan, and starts the sidecar; returns
  // once its listener accepts (J9) and the plan's probe has shown the wall (J23). On any failure, or
  // Interrupted, all is removed again and the error goes on. Error(conflict) means that a subnet was taken
  // meanwhile: plan anew.
  void launch(const std::vector<Secret>& secrets = {});

  // The same without the agent: what the plan's probe found, whether it holds or not. All stands until
  // remove().
  std::vector<WallCheck> launch_wall();

  runtime::Engine& engine() const { return engine_; }
  // What its removal goes by.
  SessionRecord record() const;

  // Of the sidecar's first process, as the engine has it; 0 without a sidecar.
  int sidecar_pid() const { return sidecar_pid_; }

  // Attaches to the agent, starts it and reads it back. Throws command_not_found and command_not_executable
  // as Containers::start.
  std::unique_ptr<runtime::AttachStream> start_attached(bool with_stdin);
  void start_detached();

  // The agent's exit code. Blocks until it has ended.
  int wait();

  // Ends the agent (SIGTERM, then SIGKILL after `grace` seconds).
  void stop_agent(int grace);

  // Removes everything; what could not be removed is told in the messages returned.
  std::vector<std::string> remove(const Farewell& farewell = {});

 private:
  void create_networks();
  void create_sidecar();
  void create_agent();
  // Its stream is attached before the start, so that its first line is an event and not a poll of a log file.
  struct Starting {
    std::unique_ptr<runtime::AttachStream> stream;
    std::future<void> started;
  };
  Starting begin_sidecar();
  void await_sidecar(Starting starting);
  // All that there is between the agent and the world, and what it is itself made of by `meanwhile`, while
  // the engine starts the others. What the plan's probe reported; nothing without one.
  std::vector<WallCheck> raise_wall(const std::vector<Secret>& secrets,
                                    const std::function<void()>& meanwhile);
  // Takes all down again when `steps` fail.
  void or_remove(const std::function<void()>& steps);
  void verify_started();
  void begin(const char* step);

  runtime::Engine& engine_;
  const Plan& plan_;
  StopSource& stop_;
  Timings* timings_;
  int sidecar_pid_ = 0;
  std::optional<WatchLease> lease_;  // a capture's sidecar ends with it
};

}  // namespace drydock::core
