#include "base/error.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"
#include "docker/wire.hpp"
#include "runtime/http/hijack.hpp"
#include "runtime/http/log_reader.hpp"

namespace drydock::docker {
namespace {

std::string path_of(const std::string& name, std::string_view rest) {
  return "/containers/" + url_encode(name) + std::string(rest);
}

// Six NULs cannot be typed by accident: Docker's own detaching keys are out of the way.
constexpr std::string_view no_detach_keys = "ctrl-%40%2Cctrl-%40%2Cctrl-%40%2Cctrl-%40%2Cctrl-%40%2Cctrl-%40";

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

void start_container(runtime::http::Api& api, const std::string& name) {
  try {
    api.call({.purpose = "start container '" + name + "'",
              .method = "POST",
              .path = path_of(name, "/start"),
              .patient = true,
              .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    // runc words its refusals to execute the command as: exec: "x": executable file not found in $PATH
    const std::string_view message = error.what();
    if (says(message, "exec: \"") &&
        (says(message, "executable file not found") || says(message, "no such file or directory"))) {
      throw Error(ErrorKind::command_not_found, error.what());
    }
    if (says(message, "exec: \"") &&
        (says(message, "permission denied") || says(message, "is a directory"))) {
      throw Error(ErrorKind::command_not_executable, error.what());
    }
    throw;
  }
}

}  // namespace

std::string DockerContainers::create(const runtime::ContainerSpec& spec) {
  const std::string purpose = "create container '" + spec.name + "'";
  const Json answer = api_.call({.purpose = purpose,
                                 .method = "POST",
                                 .path = "/containers/create?name=" + url_encode(spec.name),
                                 .body = to_create_body(spec),
                                 .awaited = true});
  const std::string id = require_string(answer, "Id");
  auto rollback = ScopeExit([&] {
    try {
      remove(id);
    } catch (const std::exception& error) {
      log::debug("{}", error.what());
    }
  });
  const auto warnings = strings_or_empty(answer, "Warnings");
  if (!warnings.empty()) {
    throw Error(ErrorKind::unsupported, "cannot " + purpose + ": " + printable(join(warnings, "; ")));
  }
  for (std::size_t i = 1; i < spec.networks.size(); ++i) {
    const runtime::NetworkAttachment& attachment = spec.networks[i];
    api_.call({.purpose = "connect container '" + spec.name + "' to network '" + attachment.network + "'",
               .method = "POST",
               .path = "/networks/" + url_encode(attachment.network) + "/connect",
               .body = {{"Container", id}, {"EndpointConfig", to_endpoint(attachment)}}});
  }
  rollback.release();
  return id;
}

std::unique_ptr<runtime::AttachStream> DockerContainers::attach(const std::string& name, bool tty,
                                                                bool with_stdin) {
  const std::string target = api_.prefix() + path_of(name, "/attach?stream=1&stdout=1&stderr=1&stdin=") +
                             (with_stdin ? "1" : "0") + "&detachKeys=" + std::string(no_detach_keys);
  return runtime::http::hijack(api_.client().socket(), target, {}, !tty, api_.stop(),
                               [&](int status, const std::string& body) {
                                 api_.fail("attach to container '" + name + "'", status, body);
                               });
}

void DockerContainers::start(const std::string& name) { start_container(api_, name); }

std::future<void> DockerContainers::begin_start(const std::string& name) {
  return std::async(std::launch::async, [api = api_.another(), name] { start_container(*api, name); });
}

void DockerContainers::resize(const std::string& name, runtime::TerminalSize size) {
  api_.call({.purpose = "resize the terminal of container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/resize?h=") + std::to_string(size.rows) +
                     "&w=" + std::to_string(size.columns)});
}

int DockerContainers::wait(const std::string& name) {
  const Json answer = api_.call({.purpose = "wait for container '" + name + "'",
                                 .method = "POST",
                                 .path = path_of(name, "/wait?condition=not-running"),
                                 .patient = true});
  return static_cast<int>(int_or(answer, "StatusCode", -1));
}

runtime::ContainerReport DockerContainers::inspect(const std::string& name) {
  return to_container_report(
      api_.call({.purpose = "inspect container '" + name + "'", .path = path_of(name, "/json")}));
}

std::vector<runtime::ContainerSummary> DockerContainers::list(const std::string& label) {
  const Json filters = {{"label", Json::array({label})}};
  std::vector<runtime::ContainerSummary> summaries;
  for (const Json& entry : api_.call({.purpose = "list containers",
                           .path = "/containers/json?all=1&filters=" + url_encode(filters.dump())})) {
    summaries.push_back(to_container_summary(entry));
  }
  return summaries;
}

void DockerContainers::kill(const std::string& name, const std::string& signal) {
  api_.call({.purpose = "signal container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/kill?signal=") + url_encode(signal)});
}

void DockerContainers::stop(const std::string& name, int seconds) {
  api_.call({.purpose = "stop container '" + name + "'",
             .method = "POST",
             .path = path_of(name, "/stop?t=") + std::to_string(seconds),
             .patient = true,
             .patience = runtime::http::slow_call + std::chrono::seconds(seconds)});
}

void DockerContainers::remove(const std::string& name) {
  try {
    api_.call({.purpose = "remove container '" + name + "'",
               .method = "DELETE",
               .path = path_of(name, "?force=1&v=1"),
               .patient = true,
               .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

void DockerContainers::read_log(const std::string& name, const runtime::LogRequest& request,
                                const runtime::LogSink& sink) {
  runtime::http::read_log(api_, "read the log of container '" + name + "'",
                          path_of(name, "/logs?stdout=1&stderr=1&follow=") + (request.follow ? "1" : "0"),
                          !request.tty, request, sink);
}

}  // namespace drydock::docker
