// A session's decision log as it is written, beside whatever else its user does: read in a thread of its own,
// over a connection of its own.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/stop_source.hpp"
#include "base/unique_fd.hpp"
#include "cli/session_argument.hpp"

namespace drydock::cli {

class LogFollower {
 public:
  LogFollower(const Invocation& invocation, const core::Candidate& found);
  ~LogFollower();
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  // Readable when there are lines, or the log has ended.
  int fd() const { return signal_.get(); }
  // What came since the last call. False when the log has ended and all of it was taken; throws what ended it
  // if that was no end.
  bool take(std::vector<std::string>& lines);

 private:
  void follow(const core::SessionRecord& session);
  void tell();

  StopSource stop_;
  std::unique_ptr<runtime::Engine> engine_;
  UniqueFd signal_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace drydock::cli
