#include "base/error.hpp"

#include <cstring>
#include <utility>

namespace drydock {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::permission:
      return "permission";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::protocol:
      return "protocol";
    case ErrorKind::engine:
      return "engine";
    case ErrorKind::command_not_found:
      return "command_not_found";
    case ErrorKind::command_not_executable:
      return "command_not_executable";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

Error::Error(ErrorKind kind, const std::string& message, std::string hint)
    : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

Error& Error::add_note(std::string note) {
  notes_.push_back(std::move(note));
  return *this;
}

Error& Error::set_hint(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}

std::string with_errno(std::string_view what, int errno_value) {
  char buffer[256] = {};
  const char* text = strerror_r(errno_value, buffer, sizeof buffer);
  return std::string(what) + ": " + text;
}

}  // namespace drydock
