#include "runtime/http/api.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::runtime::http {

ApiVersion ApiVersion::parse(std::string_view text) {
  ApiVersion version;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return {};
  const auto number = [](std::string_view digits, int& value) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc{};
  };
  if (!number(text.substr(0, dot), version.major) || !number(text.substr(dot + 1), version.minor)) return {};
  return version;
}

std::string ApiVersion::to_string() const { return std::to_string(major) + "." + std::to_string(minor); }

std::string error_words(int status, std::string_view body, std::string_view content_type) {
  const std::string_view text = trim(body);
  if (!text.empty() && text.front() == '{') {
    try {
      const Json json = parse_json(text, "an error");
      std::string message = string_or(json, "message");
      const std::string cause = string_or(json, "cause");
      if (message.empty()) message = cause;
      if (!message.empty()) return printable(trim(message));
    } catch (const Error&) {
      return "HTTP " + std::to_string(status) + " with a body that is not valid JSON";
    }
  }
  const bool plain = content_type.empty() || starts_with(content_type, "text/plain");
  if (!text.empty() && plain && text.front() != '<') return printable(text, 400);
  return "HTTP " + std::to_string(status) +
         (content_type.empty() ? "" : " (" + printable(content_type, 80) + ")") +
         ", not an answer of a container engine";
}

Api::Api(std::string engine, std::string socket, const StopSource* stop)
    : engine_(std::move(engine)), stop_(stop), client_(std::move(socket), stop, {.busy = slow_call}) {}

std::unique_ptr<Api> Api::another() const {
  auto api = std::make_unique<Api>(engine_, client_.socket(), stop_);
  api->set_version(version_, prefix_);
  return api;
}

void Api::set_version(ApiVersion version, std::string prefix) {
  version_ = version;
  prefix_ = std::move(prefix);
}

Json Api::call(const Call& call) {
  if (call.minimum > version_) {
    throw Error(ErrorKind::unsupported, "cannot " + call.purpose + ": it needs " + engine_ + " API " +
                                            call.minimum.to_string() + " and this engine speaks " +
                                            version_.to_string());
  }
  Request request;
  request.method = call.method;
  request.target = prefix_ + call.path;
  request.patient = call.patient;
  request.patience = call.patience;
  request.awaited = call.awaited;
  if (!call.body.is_null()) request.body = call.body.dump();
  const Response response = client_.send(request);
  log::debug("{} {} {} -> {}", engine_, request.method, request.target, response.status);
  const bool accepted = (response.status >= 200 && response.status < 300) || response.status == 304;
  const auto type = response.headers.find("content-type");
  const std::string content_type = type == response.headers.end() ? std::string{} : type->second;
  if (!accepted) fail(call.purpose, response.status, response.body, content_type);
  const std::string_view text = trim(response.body);
  if (text.empty() ||
      (text.front() != '{' && text.front() != '[' && !starts_with(content_type, "application/json"))) {
    return {};
  }
  return parse_json(text, engine_ + "'s answer");
}

void Api::call_to_file(const Call& call, const std::string& path, std::uint64_t limit) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string name = "cannot write file '" + printable(path, 300) + "'";
  if (!file) throw Error(ErrorKind::permission, with_errno(name, errno));
  Request request;
  request.method = call.method;
  request.target = prefix_ + call.path;
  request.patient = call.patient;
  request.patience = call.patience;
  std::uint64_t written = 0;
  const Response response = client_.stream(request, [&](std::string_view bytes) {
    written += bytes.size();
    if (written > limit) {
      throw Error(ErrorKind::invalid,
                  "cannot " + call.purpose + ": it has more than " + std::to_string(limit >> 20) + " MiB",
                  "make room in the folder of '" + printable(path, 300) + "'");
    }
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) throw Error(ErrorKind::permission, with_errno(name, errno));
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
  });
  log::debug("{} {} {} -> {}", engine_, request.method, request.target, response.status);
  if (response.status / 100 != 2) fail(call.purpose, response.status, response.body);
}

void Api::fail(const std::string& purpose, int status, std::string_view body,
               std::string_view content_type) const {
  ErrorKind kind = ErrorKind::engine;
  if (status == 404) kind = ErrorKind::not_found;
  if (status == 409) kind = ErrorKind::conflict;
  if (status == 401 || status == 403) kind = ErrorKind::permission;
  throw Error(kind, "cannot " + purpose + ": " + error_words(status, body, content_type))
      .add_note(engine_ + " answered HTTP " + std::to_string(status));
}

}  // namespace drydock::runtime::http
