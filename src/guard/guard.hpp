// The sidecar's first process: starts tinyproxy, stands behind it, follows its configuration, ends with it.
#pragma once

#include <optional>
#include <string>

#include "guard/config.hpp"
#include "guard/event_log.hpp"
#include "guard/gate.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"
#include "guard/proxy_log.hpp"
#include "guard/proxy_process.hpp"
#include "guard/resolver.hpp"

namespace drydock::guard {

class Guard {
 public:
  // `directory` holds guard.json. The caller has blocked SIGTERM, SIGINT and SIGCHLD in every thread. Throws
  // ConfigError and std::system_error.
  Guard(std::string directory, const Timing& timing, const Limits& limits, int log_fd);

  // Until SIGTERM or SIGINT (returns 0) or until the proxy ends or does not start (1). A proxy that crashes
  // after it has listened is started again.
  int run();

 private:
  void watch_directory();
  void watch_signals();
  void on_directory();
  void on_signal();
  void start_proxy();
  void on_proxy_end(int how);  // as waitpid(2) reports it
  void on_proxy_output();
  void on_proxy_line(const std::string& line);
  void probe_proxy();
  void on_ready();
  void reload();
  void confirm_reload(const std::string& reason);
  void write(const Event& event);
  void flush_later();
  void end(int status, const std::string& reason);
  Rules with_own_addresses(Rules rules) const;
  std::string config_path() const { return directory_ + "/guard.json"; }

  std::string directory_;
  Timing timing_;
  EventLog log_;
  Loop loop_;
  UniqueFd signals_;
  UniqueFd changes_;
  Config config_;
  Resolver resolver_;
  Gate gate_;
  std::optional<ProxyProcess> proxy_;
  LineSplitter lines_;
  bool ready_ = false;
  Loop::TimerId start_deadline_ = 0;
  Loop::TimerId confirm_deadline_ = 0;
  Loop::TimerId flush_timer_ = 0;
  bool reload_again_ = false;
  int status_ = 1;
};

}  // namespace drydock::guard
