#include <poll.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"
#include "podman/wire.hpp"
#include "runtime/http/hijack.hpp"
#include "runtime/http/log_reader.hpp"
#include "runtime/stream/demux.hpp"

namespace drydock::podman {
namespace {

constexpr int ending_attempts = 20;  // while Podman notices that a container has just ended
constexpr int ending_pause_ms = 25;

std::string path_of(const std::string& name, std::string_view rest) {
  return "/containers/" + url_encode(name) + std::string(rest);
}

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

// catatonit, Podman's init, exits with 1 when it cannot execute the command, and says so in the only line of
// the log: "ERROR (catatonit:2): failed to exec pid1: No such file or directory".
void check_init_failure(std::string_view log) {
  log = trim(log);
  constexpr std::string_view words = ": failed to exec pid1: ";
  if (!starts_with(log, "ERROR (catatonit:") || log.find('\n') != std::string_view::npos) return;
  const auto at = log.find(words);
  if (at == std::string_view::npos) return;
  const std::string_view reason = log.substr(at + words.size());
  const bool missing = reason == "No such file or directory";
  throw Error(missing ? ErrorKind::command_not_found : ErrorKind::command_not_executable,
              "cannot run the command: " + printable(reason, 200));
}

void start_container(runtime::http::Api& api, const std::string& name) {
  try {
    api.call({.purpose = "start container '" + name + "'",
              .method = "POST",
              .path = path_of(name, "/start"),
              .patient = true,
              .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    // crun: "executable file `x` not found in $PATH"; "open executable: Permission denied"
    const std::string_view message = error.what();
    if (says(message, "executable file") && says(message, "not found")) {
      throw Error(ErrorKind::command_not_found, error.what());
    }
    if (says(message, "open executable") ||
        (says(message, "exec: \"") && says(message, "permission denied"))) {
      throw Error(ErrorKind::command_not_executable, error.what());
    }
    throw;
  }
}

}  // namespace

std::string PodmanContainers::create(const runtime::ContainerSpec& spec) {
  const std::string purpose = "create container '" + spec.name + "'";
  // Read by the engine, which runs on this machine as this user, while it answers.
  const TempFile profile("drydock-seccomp");
  profile.write(system_.seccomp_profile().dump());
  Json body = to_create_body(spec, system_.info());
  body["seccomp_profile_path"] = profile.path();
  Json answer;
  try {
    answer = api_.call({.purpose = purpose,
                        .method = "POST",
                        .path = "/containers/create",
                        .body = std::move(body),
                        .awaited = true});
  } catch (Error& error) {
    // "container-init binary not found on the host", newer: "lookup init binary: ..."
    if (says(error.what(), "init binary")) error.set_hint("install Podman's init: apt install catatonit");
    throw;
  }
  const std::string id = require_string(answer, "Id");
  const auto warnings = strings_or_empty(answer, "Warnings");
  if (!warnings.empty()) {
    remove(id);
    throw Error(ErrorKind::unsupported, "cannot " + purpose + ": " + printable(join(warnings, "; ")));
  }
  return id;
}

std::unique_ptr<runtime::AttachStream> PodmanContainers::attach(const std::string& name, bool tty,
                                                                bool with_stdin) {
  // An empty detachKeys switches Podman's own off.
  const std::string target = api_.prefix() +
                             path_of(name, "/attach?stream=true&logs=false&stdout=true&stderr=true&stdin=") +
                             (with_stdin ? "true" : "false") + "&detachKeys=";
  return runtime::http::hijack(api_.client().socket(), target, {}, !tty, api_.stop(),
                               [&](int status, const std::string& body) {
                                 api_.fail("attach to container '" + name + "'", status, body);
                               });
}

void PodmanContainers::start(const std::string& name) { start_container(api_, name); }

std::future<void> PodmanContainers::begin_start(const std::string& name) {
  return std::async(std::launch::async, [api = api_.another(), name] { start_container(*api, name); });
}

void PodmanContainers::resize(const std::string& name, runtime::TerminalSize size) {
  api_.call({.purpose = "resize the terminal of container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/resize?h=") + std::to_string(size.rows) +
                     "&w=" + std::to_string(size.columns)});
}

int PodmanContainers::wait(const std::string& name) {
  // Podman polls, every 250 ms when not told otherwise. Its answer is a bare number.
  runtime::http::Request request;
  request.method = "POST";
  request.target = api_.prefix() + path_of(name, "/wait?condition=stopped&condition=exited&interval=10ms");
  request.patient = true;
  const runtime::http::Response response = api_.client().send(request);
  if (response.status != 200) api_.fail("wait for container '" + name + "'", response.status, response.body);
  const Json answer = parse_json(response.body, "Podman's answer");
  if (!answer.is_number_integer()) {
    throw Error(ErrorKind::protocol, "cannot wait for container '" + name + "': the answer is not a number");
  }
  const int status = answer.get<int>();
  if (status == 1) check_init_failure(first_output(name));
  return status;
}

runtime::ContainerReport PodmanContainers::inspect(const std::string& name) {
  for (int attempt = 1;; ++attempt) {
    try {
      return to_container_report(
          api_.call({.purpose = "inspect container '" + name + "'", .path = path_of(name, "/json")}));
    } catch (const Error& error) {
      // Podman takes it for running and asks /proc of a process that has just ended: "read /proc/717/cgroup:
      // no such process", or "open …: no such file or directory".
      if (attempt == ending_attempts || !says(error.what(), " /proc/") || !says(error.what(), ": no such ")) {
        throw;
      }
    }
    ::poll(nullptr, 0, ending_pause_ms);
  }
}

std::vector<runtime::ContainerSummary> PodmanContainers::list(const std::string& label) {
  const Json filters = {{"label", Json::array({label})}};
  std::vector<runtime::ContainerSummary> summaries;
  for (const Json& entry : api_.call({.purpose = "list containers",
                           .path = "/containers/json?all=true&filters=" + url_encode(filters.dump())})) {
    summaries.push_back(to_container_summary(entry));
  }
  return summaries;
}

void PodmanContainers::kill(const std::string& name, const std::string& signal) {
  api_.call({.purpose = "signal container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/kill?signal=") + url_encode(signal)});
}

void PodmanContainers::stop(const std::string& name, int seconds) {
  api_.call({.purpose = "stop container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/stop?timeout=") + std::to_string(seconds),
             .patient = true,
             .patience = runtime::http::slow_call + std::chrono::seconds(seconds)});
}

void PodmanContainers::remove(const std::string& name) {
  for (int attempt = 1;; ++attempt) {
    try {
      api_.call({.purpose = "remove container '" + name + "'",
                 .method = "DELETE",
                 .path = path_of(name, "?force=true&v=true&timeout=0"),
                 .patient = true,
                 .patience = runtime::http::slow_call});
      return;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_found) return;
      // It ends by itself at this moment, and Podman wanted to kill it: "container state improper: stopped".
      if (attempt == ending_attempts || !says(error.what(), "container state improper")) throw;
    }
    ::poll(nullptr, 0, ending_pause_ms);
  }
}

// The beginning of the log. That of a container with a TTY may have no frames.
std::string PodmanContainers::first_output(const std::string& name) {
  constexpr std::size_t enough = 1024;
  std::string body;
  api_.client().stream({.target = api_.prefix() + path_of(name, "/logs?stdout=true&stderr=true")},
                       [&](std::string_view bytes) {
                         body += bytes;
                         return body.size() < enough;
                       });
  const bool framed = !body.empty() && body.front() >= 0 && body.front() <= 2;
  if (!framed) return body;
  std::string text;
  runtime::stream::Demux demux;
  demux.feed(std::as_bytes(std::span(body)), [&](runtime::Channel, std::span<const std::byte> payload) {
    text.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  });
  return text;
}

void PodmanContainers::read_log(const std::string& name, const runtime::LogRequest& request,
                                const runtime::LogSink& sink) {
  // libpod frames the log of a container with a terminal as well.
  runtime::http::read_log(
      api_, "read the log of container '" + name + "'",
      path_of(name, "/logs?stdout=true&stderr=true&follow=") + (request.follow ? "true" : "false"), true,
      request, sink);
}

}  // namespace drydock::podman
