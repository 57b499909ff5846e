#include "cli/console.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace drydock::cli {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// What it names is of others: of the agent, of the engine.
std::string clean(const std::string& text) {
  std::string lines;
  for (const std::string& line : split(text, '\n'))
    lines += (lines.empty() ? "" : "\n") + one_line(line, line.size());
  return lines;
}

}  // namespace

void Console::configure(bool quiet, int verbose, bool json) {
  quiet_ = quiet;
  verbose_ = verbose;
  json_ = json;
}

void Console::print(const std::string& text) { pass_on(false, text); }

void Console::pass_on(bool to_stderr, std::string_view bytes) {
  if (write_all(to_stderr ? STDERR_FILENO : STDOUT_FILENO, bytes)) return;
  if (errno == EPIPE) std::exit(128 + SIGPIPE);
  throw Error(ErrorKind::internal, with_errno("cannot write to standard output", errno));
}

void Console::say(const std::string& text) {
  if (!quiet_) write_all(STDERR_FILENO, "drydock: " + clean(text) + "\n");
}

void Console::warn(const std::string& text) {
  write_all(STDERR_FILENO, "drydock: warning: " + clean(text) + "\n");
}

void Console::progress(const std::string& text) {
  if (!quiet_ && (verbose_ > 0 || ::isatty(STDERR_FILENO) == 1)) {
    write_all(STDERR_FILENO, "drydock: " + printable(text) + "\n");
  }
}

void Console::report(const Error& error, int exit_status) {
  if (json_) {
    const Json object = {{"error",
                          {{"kind", std::string(to_string(error.kind()))},
                           {"message", error.what()},
                           {"hint", error.hint()},
                           {"exit_status", exit_status}}}};
    write_all(STDERR_FILENO, object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  std::string text = "drydock: error: " + printable(error.what(), 4000) + "\n";
  if (verbose_ > 0) {
    for (const std::string& note : error.notes()) text += "  note: " + printable(note) + "\n";
  }
  if (!error.hint().empty()) text += "  hint: " + printable(error.hint()) + "\n";
  write_all(STDERR_FILENO, text);
}

}  // namespace drydock::cli
