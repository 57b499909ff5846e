// Names that users give to sessions (--name): no two live sessions have the same.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

// Held from before a session is made until its objects tell of the name themselves. Throws Error(conflict)
// when a live session has the name, or another drydock is about to make one.
class NameClaim {
 public:
  NameClaim(runtime::Engine& engine, const std::string& name);
  ~NameClaim();
  NameClaim(const NameClaim&) = delete;
  NameClaim& operator=(const NameClaim&) = delete;

 private:
  std::string path_;
  UniqueFd file_;
};

}  // namespace drydock::core
