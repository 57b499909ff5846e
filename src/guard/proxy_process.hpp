// tinyproxy as a child process, with its standard error as a stream of lines.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::guard {

class ProxyProcess {
 public:
  // Starts `argv`, whose first word is a path. Throws std::system_error.
  explicit ProxyProcess(const std::vector<std::string>& argv);
  ~ProxyProcess();  // SIGKILL, and reaped, if it still runs
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  pid_t pid() const { return pid_; }
  int output() const { return output_.get(); }  // non-blocking
  void signal(int number) const;
  // Somebody else has reaped it.
  void forget() { pid_ = -1; }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
};

}  // namespace drydock::guard
