// tinyproxy as a child process, with what it says as a stream of lines. Its configuration and filter are
// sealed files in memory: it needs no writable folder, and what it reads cannot change under it.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/unique_fd.hpp"
#include "guard/proxy_files.hpp"

namespace drydock::guard {

class ProxyProcess {
 public:
  // Starts it, to listen on 127.0.0.1 at `port`. Throws std::system_error.
  ProxyProcess(const ProxyFiles& files, std::uint16_t port);
  ~ProxyProcess();  // SIGKILL, and reaped, if it still runs
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  pid_t pid() const { return pid_; }
  int output() const { return output_.get(); }  // non-blocking
  // Somebody else has reaped it.
  void forget() { pid_ = -1; }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
};

}  // namespace drydock::guard
