// What a use case has to say to its user while it works. The command line prints it on stderr; nothing here
// is data.
#pragma once

#include <string>

namespace drydock::core {

class Talk {
 public:
  virtual ~Talk() = default;
  virtual void say(const std::string& text) = 0;       // unless --quiet
  virtual void warn(const std::string& text) = 0;      // always
  virtual void progress(const std::string& text) = 0;  // what takes a while: with -v, or on a terminal
};

}  // namespace drydock::core
