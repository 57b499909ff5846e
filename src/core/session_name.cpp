#include "core/session_name.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

constexpr int attempts = 100;

[[noreturn]] void refuse(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::conflict, "cannot name a session '" + name + "': " + reason,
              "choose another name, or end that one with: drydock stop " + name);
}

// The file that was locked may have been unlinked by its earlier holder.
bool is_current(int fd, const std::string& path) {
  struct stat held {};
  struct stat now {};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &now) == 0 && held.st_ino == now.st_ino &&
         held.st_dev == now.st_dev;
}

}  // namespace

NameClaim::NameClaim(runtime::Engine& engine, const std::string& name) {
  const std::string directory = runtime_directory() + "/names";
  make_directories(directory, 0700);
  path_ = directory + "/" + engine.system().name() + "-" + name;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file_) throw Error(ErrorKind::internal, with_errno("cannot make file '" + path_ + "'", errno));
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      file_.reset();
      refuse(name, "another drydock is making a session of that name");
    }
    if (is_current(file_.get(), path_)) break;
    file_.reset();
  }
  try {
    for (const SessionRecord& session : find_sessions(engine)) {
      const bool starting = session.agent_state == runtime::ContainerState::created;
      if (session.name == name && (starting || is_live(session)))
        refuse(name, "session " + session.id + " has that name");
    }
  } catch (...) {
    ::unlink(path_.c_str());
    throw;
  }
}

NameClaim::~NameClaim() {
  if (file_) ::unlink(path_.c_str());
}

}  // namespace drydock::core
