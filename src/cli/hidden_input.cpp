#include "cli/hidden_input.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <optional>

#include "base/error.hpp"
#include "base/scope_exit.hpp"
#include "core/terminal.hpp"

namespace drydock::cli {
namespace {

constexpr char ctrl_c = 0x03;
constexpr char ctrl_d = 0x04;
constexpr char ctrl_u = 0x15;
constexpr char backspace = '\b';
constexpr char rubout = 0x7f;

// At most `size` bytes once there are any; 0 at the end.
std::size_t read_some(char* to, std::size_t size, StopSource& stop) {
  for (;;) {
    stop.check();
    std::array<pollfd, 2> watched{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{stop.fd(), POLLIN, 0}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      throw Error(ErrorKind::internal, with_errno("cannot wait for standard input", errno));
    stop.check();
    if (watched[0].revents == 0) continue;
    const ssize_t count = ::read(STDIN_FILENO, to, size);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN)
      throw Error(ErrorKind::internal, with_errno("cannot read standard input", errno));
  }
}

// False once the line is complete.
bool take(char typed, std::string& line, std::size_t limit) {
  switch (typed) {
    case '\r':
    case '\n':
    case ctrl_d:
      return false;
    case ctrl_c:
      throw Interrupted(SIGINT);
    case ctrl_u:
      line.clear();
      return true;
    case backspace:
    case rubout:
      if (!line.empty()) line.pop_back();
      return true;
    default:
      if (line.size() <= limit) line += typed;
      return true;
  }
}

std::string read_typed(const std::string& prompt, std::size_t limit, StopSource& stop) {
  std::cerr << prompt << std::flush;
  std::string line;
  // The typed newline is not shown either. Behind the raw mode, which has an end of its own.
  const ScopeExit new_line([] { std::cerr << std::endl; });
  const core::RawMode raw;
  std::array<char, 4096> typed{};
  for (;;) {
    const std::size_t count = read_some(typed.data(), typed.size(), stop);
    if (count == 0) return line;
    for (std::size_t i = 0; i < count; ++i) {
      if (!take(typed[i], line, limit)) return line;
    }
  }
}

}  // namespace

std::string read_hidden(const std::string& prompt, std::size_t limit, StopSource& stop) {
  if (::isatty(STDIN_FILENO) == 1) return read_typed(prompt, limit, stop);
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const std::size_t count = read_some(text.data() + size, text.size() - size, stop);
    if (count == 0) break;
    size += count;
  }
  text.resize(size);
  return text;
}

}  // namespace drydock::cli
