// The one error type of drydock. A message reads "cannot <verb> <noun> '<name>': <reason>", lower case, no
// full stop; the hint, if there is one, is one action that mends it. Layers add notes on the way up (shown
// with -v).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace drydock {

enum class ErrorKind {
  usage,                   // the command line is wrong
  invalid,                 // input (a file, a value) is wrong
  not_found,               // the named thing does not exist
  conflict,                // it exists already, or is busy
  permission,              // the user may not
  unavailable,             // nobody answers: no engine, no socket
  timeout,                 // somebody accepted and did not answer
  unsupported,             // this engine or machine cannot
  protocol,                // an answer that makes no sense
  engine,                  // the engine refused or failed, in its own words
  command_not_found,       // the session's command does not exist in the container
  command_not_executable,  // it exists and cannot be executed
  refused,                 // drydock refuses: an invariant or a guarantee would not hold
  internal,                // a fault of drydock's own
};

// The stable, machine-readable word for a kind, as in `--json` errors.
std::string_view to_string(ErrorKind kind);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {});

  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }
  const std::vector<std::string>& notes() const { return notes_; }

  Error& add_note(std::string note);
  Error& set_hint(std::string hint);

 private:
  ErrorKind kind_;
  std::string hint_;
  std::vector<std::string> notes_;
};

// The user asked to stop (SIGINT, SIGTERM, SIGHUP). Not an Error: `catch (Error&)` must not swallow it.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_(signal) {}
  const char* what() const noexcept override { return "interrupted"; }
  int signal() const { return signal_; }

 private:
  int signal_;
};

// "<what>: <strerror(errno_value)>", for system calls that failed.
std::string with_errno(std::string_view what, int errno_value);

}  // namespace drydock
