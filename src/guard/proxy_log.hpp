// tinyproxy's log lines (LogLevel Connect, on stderr) as events.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "guard/event_log.hpp"

namespace drydock::guard {

struct ProxyLine {
  // What to log of it; absent for lines that say nothing new.
  std::optional<Event> event;
  bool started = false;  // it listens
};

ProxyLine parse_proxy_line(std::string_view line);

// Cuts a stream into lines; of a line that is too long the rest is dropped.
class LineSplitter {
 public:
  static constexpr std::size_t limit = 4096;

  void feed(std::string_view bytes);
  // The next whole line, without its end.
  std::optional<std::string> next();

 private:
  std::string buffer_;
  std::string lines_;
};

}  // namespace drydock::guard
