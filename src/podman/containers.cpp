#include "base/error.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"
#include "podman/wire.hpp"
#include "runtime/http/hijack.hpp"
#include "runtime/http/log_reader.hpp"

namespace drydock::podman {
namespace {

std::string path_of(const std::string& name, std::string_view rest) {
  return "/containers/" + url_encode(name) + std::string(rest);
}

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

}  // namespace

std::string PodmanContainers::create(const runtime::ContainerSpec& spec) {
  const std::string purpose = "create container '" + spec.name + "'";
  const Json answer = api_.call({.purpose = purpose,
                                 .method = "POST",
                                 .path = "/containers/create",
                                 .body = to_create_body(spec, system_.info())});
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

void PodmanContainers::start(const std::string& name) {
  try {
    api_.call({.purpose = "start container '" + name + "'",
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
  return answer.get<int>();
}

runtime::ContainerReport PodmanContainers::inspect(const std::string& name) {
  return to_container_report(
      api_.call({.purpose = "inspect container '" + name + "'", .path = path_of(name, "/json")}));
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
  try {
    api_.call({.purpose = "remove container '" + name + "'",
               .method = "DELETE",
               .path = path_of(name, "?force=true&v=true&timeout=0"),
               .patient = true,
               .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
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
