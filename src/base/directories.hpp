// Where drydock keeps things: XDG Base Directory Specification.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock {

// The invoking user's home: $HOME when it is an absolute path to a folder, else the password database's.
// Never empty.
std::string home_directory();
// The password database's, or $HOME where it has none.
std::string login_directory();
// Both, without their symbolic links where they exist, and without /: what is to be kept from a container is
// in either.
std::vector<std::string> home_directories();
// $XDG_CONFIG_HOME/drydock, by default ~/.config/drydock. Not made.
std::string config_directory();
// $XDG_STATE_HOME/drydock, by default ~/.local/state/drydock. Not made.
std::string state_directory();
// $XDG_CACHE_HOME/drydock, by default ~/.cache/drydock. Not made.
std::string cache_directory();
// $XDG_RUNTIME_DIR/drydock, else /run/user/UID/drydock, else /tmp/drydock-UID: made with mode 0700. Throws
// Error(permission) when it is not a directory that this user alone can enter.
std::string runtime_directory();

// mkdir -p, each new part with `mode`. Throws Error(invalid).
void make_directories(const std::string& path, unsigned mode);
// Deletes a folder and what is in it, never following a link, whatever its depth, and also where the modes
// of folders keep their owner out. What cannot be deleted stays.
void remove_tree(const std::string& path);

// An advisory lock on a directory (flock on the directory itself: no lock file is left). Waits for it.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& path);

 private:
  UniqueFd fd_;
};

}  // namespace drydock
