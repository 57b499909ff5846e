#include "base/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::off:
      return spdlog::level::off;
    case Level::error:
      return spdlog::level::err;
    case Level::warn:
      return spdlog::level::warn;
    case Level::info:
      return spdlog::level::info;
    case Level::debug:
      return spdlog::level::debug;
    case Level::trace:
      return spdlog::level::trace;
  }
  return spdlog::level::info;
}

constexpr std::size_t longest_line = std::size_t{64} << 10;

std::shared_ptr<spdlog::logger> make_logger(Level level, const std::string& file) {
  std::vector<spdlog::sink_ptr> sinks;
  auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  console->set_pattern("drydock: %l: %v");
  sinks.push_back(std::move(console));
  if (!file.empty()) {
    // A FIFO that nobody reads would be waited for.
    const UniqueFd created(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (!created && errno == ENXIO) {
      throw Error(ErrorKind::invalid,
                  "cannot open log file '" + file + "': it is no regular file, and nobody reads it",
                  "pass the path of a file to --log-file");
    }
    if (!created) {
      throw Error(ErrorKind::invalid, with_errno("cannot open log file '" + file + "'", errno),
                  "pass a path that can be written to --log-file");
    }
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l [%P] %v");
    sinks.push_back(std::move(sink));
  }
  auto logger = std::make_shared<spdlog::logger>("drydock", sinks.begin(), sinks.end());
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = make_logger(Level::warn, {});
  return instance;
}

}  // namespace

void configure(Level level, const std::string& file) { logger() = make_logger(level, file); }

Level parse_level(std::string_view name) {
  static constexpr std::pair<std::string_view, Level> levels[] = {
      {"off", Level::off},   {"error", Level::error}, {"warn", Level::warn},  {"warning", Level::warn},
      {"info", Level::info}, {"debug", Level::debug}, {"trace", Level::trace}};
  for (const auto& [word, level] : levels) {
    if (word == name) return level;
  }
  throw Error(ErrorKind::usage,
              "cannot use log level '" + std::string(name) + "': it is none of the known ones",
              "use error, warn, info, debug or trace");
}

void write(Level level, const std::string& message) {
  logger()->log(to_spdlog(level), "{}", printable(message, longest_line));
}

}  // namespace drydock::log
