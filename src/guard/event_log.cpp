#include "guard/event_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/json.hpp"

namespace drydock::guard {
namespace {

constexpr std::size_t max_text = 300;
constexpr std::size_t max_path = 4096;   // PATH_MAX
constexpr std::size_t max_line = 16384;  // with all of its text escaped
constexpr std::uint64_t unwritten_at_most = 10000;

using OrderedJson = nlohmann::ordered_json;

void put(OrderedJson& json, const char* key, const std::string& value, std::size_t most = max_text) {
  if (!value.empty()) json[key] = value.size() > most ? value.substr(0, most) + "…" : value;
}

template <typename T>
void put(OrderedJson& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

}  // namespace

std::string now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  std::tm utc{};
  ::gmtime_r(&time.tv_sec, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::string result(text.data(), length);
  const std::string millis = std::to_string(time.tv_nsec / 1'000'000);
  return result + "." + std::string(3 - millis.size(), '0') + millis + "Z";
}

std::string format(const Event& event, std::string_view time) {
  OrderedJson json;
  json["time"] = time;
  json["event"] = event.event;
  if (event.leg) json["leg"] = *event.leg == Leg::proxy ? "proxy" : "transparent";
  put(json, "host", event.host);
  put(json, "port", event.port);
  put(json, "sni", event.sni);
  put(json, "address", event.address);
  if (event.allowed) json["verdict"] = *event.allowed ? "allowed" : "denied";
  put(json, "reason", event.reason);
  put(json, "rule", event.rule);
  put(json, "source", event.source);
  put(json, "tunnel", event.tunnel);
  put(json, "sent", event.sent);
  put(json, "received", event.received);
  put(json, "duration_ms", event.duration_ms);
  put(json, "generation", event.generation);
  put(json, "wanted", event.wanted);
  put(json, "count", event.count);
  put(json, "withdraws", event.withdraws);
  put(json, "schema", event.schema);
  put(json, "drydock", event.version);
  put(json, "session", event.session);
  put(json, "project", event.project, max_path);
  put(json, "opened", event.opened);
  put(json, "refused", event.refused);
  return json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
}

EventLog::EventLog(int fd, std::size_t refusal_limit, std::size_t progress_limit)
    : fd_(fd), refusal_limit_(refusal_limit), progress_limit_(progress_limit) {
  const int flags = ::fcntl(fd_, F_GETFL);
  if (flags >= 0) ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK);
}

void EventLog::add_note() {
  if (dropped_ == 0 || buffer_.size() > limit / 2) return;
  Event note;
  note.event = "dropped";
  note.count = std::exchange(dropped_, 0);
  note.opened = opened_;
  note.refused = refused();
  append(note);
}

void EventLog::append(const Event& event) { buffer_ += chain_.seal(format(event, now())) + "\n"; }

// Before the next line that is written, and often enough that a log which is cut off lacks few.
void EventLog::tell_unwritten() {
  if (unwritten_ == 0) return;
  Event note;
  note.event = "dropped";
  note.reason = "refusals, of which the log has too many";
  note.count = std::exchange(unwritten_, 0);
  write(note);
}

void EventLog::write(Event event) {
  if (event.event == "progress" && progress_octets_ > progress_limit_) return;
  if (event.event == "denied" && refusal_octets_ > refusal_limit_) {
    if (!event.host.ends_with(".drydock.invalid")) ++refused_;
    if (++unwritten_ >= unwritten_at_most) tell_unwritten();
    return;
  }
  tell_unwritten();
  if (!event.host.ends_with(".drydock.invalid")) {
    if (event.event == "open") ++opened_;
    if (event.event == "denied") ++refused_;
  }
  event.opened = opened_;
  withdrawn_ += event.withdraws.value_or(0);
  event.refused = refused();
  // Once a line is dropped, so are those behind it, until there is room for the note that says so.
  if (dropped_ > 0 || buffer_.size() + max_line > limit) {
    ++dropped_;
  } else {
    const std::size_t before = buffer_.size();
    append(event);
    if (event.event == "denied") refusal_octets_ += buffer_.size() - before;
    if (event.event == "progress") progress_octets_ += buffer_.size() - before;
  }
  if (flush() && on_pending_) on_pending_();
}

bool EventLog::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t count = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count < 0) {
      // Nobody will ever read it.
      done = buffer_.size();
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  buffer_.erase(0, done);
  add_note();
  return !buffer_.empty();
}

}  // namespace drydock::guard
