#include "runtime/pull.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/json.hpp"
#include "base/text.hpp"
#include "runtime/stream/lines.hpp"

namespace drydock::runtime {
namespace {

bool has_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

// The registry of a reference that names one, as engines tell it: the first part has a dot or a port, or is
// localhost.
std::string registry_of(const std::string& reference) {
  const auto slash = reference.find('/');
  if (slash == std::string::npos) return {};
  const std::string first = reference.substr(0, slash);
  return first.find_first_of(".:") != std::string::npos || first == "localhost" ? first : std::string();
}

std::string in_megabytes(double bytes) {
  constexpr double most = 1e18;
  return std::to_string(static_cast<std::int64_t>(std::clamp(bytes, 0.0, most) / 1e6)) + " MB";
}

}  // namespace

bool has_tag_or_digest(std::string_view reference) {
  const auto slash = reference.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? reference : reference.substr(slash + 1);
  return name.find_first_of(":@") != std::string_view::npos;
}

Error pull_error(const std::string& engine, const std::string& reference, std::string_view words) {
  const std::string lower = to_lower_ascii(words);
  const std::string name = printable(reference, 200);
  const std::string message = "cannot pull image '" + name + "': ";
  const std::string registry = registry_of(reference);
  const std::string where =
      registry.empty() ? std::string("its registry") : "'" + printable(registry, 100) + "'";
  const auto told = [&](ErrorKind kind, const std::string& reason, const std::string& hint) {
    return Error(kind, message + reason, hint).add_note(printable(words, 1000));
  };
  if (has_one_of(lower, {"short-name", "unqualified-search"})) {
    return told(ErrorKind::not_found, "its name does not say which registry it is in",
                "name the registry too, as in: docker.io/" +
                    std::string(name.find('/') == std::string::npos ? "library/" : "") + name);
  }
  // An image that is not there and one that is not for everybody are told alike by some.
  if (has_one_of(lower, {"manifest unknown", "not found", "name unknown", "name_unknown"}) &&
      !has_one_of(lower, {"denied"})) {
    return told(ErrorKind::not_found, where + " does not have it", "look for a typing error in name and tag");
  }
  if (has_one_of(lower, {"denied", "unauthorized", "basic auth", "authentication required", "forbidden"})) {
    return told(ErrorKind::permission, where + " does not give it to everybody, or does not have it",
                "log in and pull it with " + engine + ": " + engine + " login" +
                    (registry.empty() ? "" : " " + printable(registry, 100)));
  }
  if (has_one_of(lower, {"no such host", "dial tcp", "connection refused", "i/o timeout", "timeout exceeded",
                         "network is unreachable", "no route to host", "server misbehaving"})) {
    return told(ErrorKind::unavailable, where + " cannot be reached: " + printable(trim(words), 300),
                "look at the network, or use --pull never with an image that is here");
  }
  return Error(ErrorKind::engine, message + printable(trim(words), 500));
}

void PullStream::say(const std::string& text) {
  if (!progress_ || text.empty() || text == last_) return;
  last_ = text;
  progress_(text);
}

void PullStream::add_blob(const std::string& name, std::int64_t done, std::int64_t whole) {
  blobs_[name] = {done, whole};
  // A registry says how large they are, and may say anything.
  double all_done = 0;
  double all_whole = 0;
  for (const auto& [unused, blob] : blobs_) {
    all_done += static_cast<double>(blob.done);
    all_whole += static_cast<double>(blob.whole);
  }
  const auto tenth = static_cast<std::int64_t>(std::clamp(all_done / all_whole, 0.0, 1.0) * 10);
  if (tenth <= told_) return;
  told_ = tenth;
  say(in_megabytes(all_done) + " of " + in_megabytes(all_whole));
}

void PullStream::add_line(std::string_view line) {
  if (trim(line).empty()) return;
  const Json message = parse_json(line, "the engine's progress");
  if (const std::string error = string_or(message, "error"); !error.empty() && failure_.empty())
    failure_ = error;
  const std::string text = string_or(message, "stream");
  say(printable(trim(text), 200));
  const std::string status = string_or(message, "status");
  const Json* detail = find_member(message, "progressDetail");
  const std::int64_t whole = detail == nullptr ? 0 : int_or(*detail, "total", 0);
  if (whole > 0 && status == "Downloading") {
    add_blob(string_or(message, "id"), int_or(*detail, "current", 0), whole);
  } else if (string_or(message, "id").empty() || starts_with(status, "Pulling from")) {
    say(printable(status, 200));
  }
}

void pull(http::Api& api, const std::string& reference, const std::string& target,
          const PullProgress& progress) {
  http::Request request;
  request.method = "POST";
  request.target = api.prefix() + target;
  request.patient = true;
  request.patience = http::image_load;
  PullStream stream(progress);
  stream::Lines lines;
  const auto use = [&](std::string_view line) { stream.add_line(line); };
  const http::Response response = api.client().stream(request, [&](std::string_view bytes) {
    lines.feed(bytes, use);
    return true;
  });
  lines.finish(use);
  if (response.status / 100 != 2) {
    const auto type = response.headers.find("content-type");
    throw pull_error(api.engine(), reference,
                     http::error_words(response.status, response.body,
                                       type == response.headers.end() ? std::string() : type->second));
  }
  if (!stream.failure().empty()) throw pull_error(api.engine(), reference, stream.failure());
}

}  // namespace drydock::runtime
