// Notices the death of a session's sidecar, after which its agent reaches nothing (J10).
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "core/talk.hpp"

namespace drydock::core {

class SidecarWatch {
 public:
  // `pid` as the engine reports it. Nothing is watched when no guard has that id here: the engine may be in
  // another pid namespace.
  explicit SidecarWatch(int pid);
  // Readable once the process has ended (pidfd_open(2)); -1 when nothing is watched.
  int fd() const { return process_.get(); }

 private:
  UniqueFd process_;
};

// What the user should know then. On a raw terminal lines end otherwise.
void tell_sidecar_ended(const std::string& session, bool raw_terminal, Talk& talk);

}  // namespace drydock::core
