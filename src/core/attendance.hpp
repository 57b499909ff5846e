// Who is attached to a session: an entry for each drydock in the session's folder, and the word that the one
// which removes the session leaves for the others, who cannot ask the engine any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::core {

// This process's entry, for as long as it lives. Without a folder (another boot, say) there is none, and
// nothing is wrong with that.
class Attendance {
 public:
  explicit Attendance(const std::string& session);
  ~Attendance();
  Attendance(const Attendance&) = delete;
  Attendance& operator=(const Attendance&) = delete;

  // The status that another drydock recorded before it removed the session.
  std::optional<int> recorded_status() const;

 private:
  std::string path_;
  UniqueFd file_;
};

// The process ids of those attached now, but this process. One that has died, or whose id was given to
// another process, does not count.
std::vector<int> others_attached(const std::string& session);

// Tells them how the agent ended. To be called before the session is removed.
void record_status(const std::string& session, int status);

}  // namespace drydock::core
