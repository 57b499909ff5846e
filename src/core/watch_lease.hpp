// Somebody watches a session that was started with --ask, and can say yes, or stands by a capture: a lock on
// a file in the folder that its guard reads. It ends with whoever holds it, however that ends.
#pragma once

#include <string>

#include "base/unique_fd.hpp"

namespace drydock::core {

inline constexpr const char* watched_file = "watched";  // in the sidecar's folder

class WatchLease {
 public:
  // Of a session that does not ask there is none, and nothing is wrong with that.
  explicit WatchLease(const std::string& session);
  bool held() const { return static_cast<bool>(file_); }

 private:
  UniqueFd file_;
};

}  // namespace drydock::core
