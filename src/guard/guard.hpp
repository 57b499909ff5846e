// The sidecar's first process: what clients connect to. It asks tinyproxy about every request, keeps one
// running, follows its configuration, and ends when there can be no tinyproxy any more.
#pragma once

#include <optional>
#include <string>

#include "guard/config.hpp"
#include "guard/event_log.hpp"
#include "guard/gate.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"
#include "guard/resolver.hpp"
#include "guard/supervisor.hpp"
#include "guard/verdicts.hpp"

namespace drydock::guard {

class Guard {
 public:
  // `directory` holds guard.json. The caller has blocked SIGTERM, SIGINT and SIGCHLD in every thread. Throws
  // ConfigError and std::system_error.
  Guard(std::string directory, const Timing& timing, const Limits& limits, int log_fd);

  // Until SIGTERM or SIGINT (returns 0) or until tinyproxy does not start (1). One that ends after it has
  // listened is started again.
  int run();

 private:
  bool is_watched() const;
  void begin_log();
  void watch_directory();
  void watch_signals();
  void watch_clock();
  void on_directory();
  void watch_capture();
  void on_signal();
  void on_proxy(std::uint16_t port);
  void reload();
  void on_reload(Config changed, const std::string& reason);
  void refuse_reload(const std::string& reason, std::optional<std::uint64_t> wanted);
  void enforce(Rules rules);
  void enforce(Rules rules, std::int64_t now);
  void drop_expired();
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
  UniqueFd clock_;
  Config config_;
  Resolver resolver_;
  Verdicts verdicts_;
  Gate gate_;
  std::string proxy_config_;
  std::optional<Supervisor> supervisor_;
  bool ready_ = false;
  Loop::TimerId flush_timer_ = 0;
  bool reload_again_ = false;
  int status_ = 1;
};

}  // namespace drydock::guard
