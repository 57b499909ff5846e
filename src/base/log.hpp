// Talk for stderr and the log file, over spdlog. Library code logs at debug and trace; what a user must read
// is printed by the command line. Nothing secret is ever logged: environment values in particular are not.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>

namespace drydock::log {

enum class Level { off, error, warn, info, debug, trace };

// `file` may be empty; it is opened for append with mode 0600. Throws Error if it cannot be.
void configure(Level level, const std::string& file);
// The level named by error|warn|warning|info|debug|trace|off. Throws Error(usage) otherwise.
Level parse_level(std::string_view name);

void write(Level level, const std::string& message);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace drydock::log
