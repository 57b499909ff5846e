#include "runtime/http/api.hpp"

#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

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
