#include "core/sidecar_watch.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

namespace drydock::core {
namespace {

bool is_guard(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name == "drydock-guard";
}

}  // namespace

SidecarWatch::SidecarWatch(int pid) {
  if (pid <= 1) return;
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Looked at after it was opened: the descriptor then means that process and no later one of its id.
  if (process && is_guard(pid)) process_ = std::move(process);
}

void tell_sidecar_ended(const std::string& session, bool raw_terminal, Talk& talk) {
  talk.warn("the proxy of session " + session +
            " has ended: its agent reaches no host any more; why: drydock logs --egress " + session +
            (raw_terminal ? "\r" : ""));
}

}  // namespace drydock::core
