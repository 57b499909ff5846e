// Keeps a tinyproxy running. One whose filter is to be another is not told to read it again, which can crash
// it (1.11 frees its filter while its threads may still read it): a new one is started at another port, takes
// over once it listens, and the old one is killed, for by then it has nothing in its hands that is not asked
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "guard/event_log.hpp"
#include "guard/limits.hpp"
#include "guard/loop.hpp"
#include "guard/proxy_files.hpp"
#include "guard/proxy_log.hpp"
#include "guard/proxy_process.hpp"

namespace drydock::guard {

class Supervisor {
 public:
  static constexpr std::uint16_t ports = 32;

  // Empty after success.
  using Done = std::function<void(const std::string& reason)>;

  struct Hooks {
    std::function<void(std::uint16_t port)> serves;  // requests are for this port from now on; 0: for none
    std::function<void(const std::string& reason)> failed;  // there is no tinyproxy any more
  };

  // tinyproxy listens on 127.0.0.1 at one of the `ports` ports from `first_port` on.
  Supervisor(Loop& loop, EventLog& log, const Timing& timing, std::uint16_t first_port, Hooks hooks);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // The first one. Throws std::system_error.
  void start(ProxyFiles files);
  // One that takes the present one's place, if it comes up; `done` is called before it serves, or after it
  // failed and the present one stays. Only while no other is starting.
  void replace(ProxyFiles files, Done done);
  bool is_starting() const { return next_ != nullptr || restart_ != 0; }

  // The one that serves does not answer: it is killed, and started again when it is reaped.
  void on_silence();

  // A child was reaped, with `how` from waitpid(2).
  void on_end(pid_t pid, int how);

 private:
  struct Running;

  void launch(ProxyFiles files, Done done);
  std::uint16_t free_port();
  bool read_output(Running& running);  // whether there was any
  void probe();
  void take_over();
  void next_failed(const std::string& reason);
  void crashed(const std::string& reason);
  void note(const std::string& reason);
  void restart_later();
  void restart();
  void dismiss(std::unique_ptr<Running>& running);

  Loop& loop_;
  EventLog& log_;
  Timing timing_;
  std::uint16_t first_port_;
  Hooks hooks_;
  std::uint16_t next_port_ = 0;
  ProxyFiles files_;  // of the last one that served
  std::unique_ptr<Running> current_;
  std::unique_ptr<Running> next_;
  Loop::TimerId restart_ = 0;
  bool served_ = false;
  int failures_ = 0;
  std::chrono::milliseconds pause_{0};
};

}  // namespace drydock::guard
