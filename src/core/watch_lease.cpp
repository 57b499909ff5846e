#include "core/watch_lease.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include "core/sessions.hpp"

namespace drydock::core {

WatchLease::WatchLease(const std::string& session) {
  const std::string path = session_directory(session) + "/sidecar/" + watched_file;
  file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  // Shared: more than one may watch. The guard holds it exclusively for no more than its look.
  if (file_ && ::flock(file_.get(), LOCK_SH) != 0) file_.reset();
}

}  // namespace drydock::core
