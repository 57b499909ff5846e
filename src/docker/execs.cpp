#include <poll.h>

#include <chrono>
#include <memory>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"
#include "runtime/http/hijack.hpp"
#include "runtime/stream/exec_stream.hpp"

namespace drydock::docker {
namespace {

using std::chrono::steady_clock;

constexpr auto start_limit = std::chrono::seconds(10);
constexpr int poll_milliseconds = 3;

std::string path_of(const std::string& id, std::string_view rest) {
  return "/exec/" + url_encode(id) + std::string(rest);
}

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

struct State {
  bool running = false;
  bool has_run = false;  // Docker keeps the process's id: zero means that there never was one
  bool ended = false;
  int exit_code = -1;
};

State inspect(runtime::http::Api& api, const std::string& id) {
  const Json answer = api.call({.purpose = "inspect exec '" + id + "'", .path = path_of(id, "/json")});
  State state;
  state.running = bool_or(answer, "Running", false);
  state.has_run = int_or(answer, "Pid", 0) > 0;
  state.ended = !state.running && find_member(answer, "ExitCode") != nullptr;
  state.exit_code = static_cast<int>(int_or(answer, "ExitCode", -1));
  return state;
}

// Before API 1.42 a terminal has no size until it is given one, and that can be done only while it runs.
void await_start(runtime::http::Api& api, const std::string& id) {
  const auto deadline = steady_clock::now() + start_limit;
  while (steady_clock::now() < deadline) {
    const State state = inspect(api, id);
    if (state.has_run || state.ended) return;
    pollfd watch{api.stop() != nullptr ? api.stop()->fd() : -1, POLLIN, 0};
    ::poll(&watch, 1, poll_milliseconds);
    if (api.stop() != nullptr) api.stop()->check();
  }
}

[[noreturn]] void refuse(const std::string& text) {
  const std::string words = printable(trim(text.substr(0, text.find('\n'))), 400);
  const std::string message = "cannot run the command: " + words;
  if (says(words, "exec: \"") && (says(words, "executable file not found") || says(words, "no such file"))) {
    throw Error(ErrorKind::command_not_found, message);
  }
  if (says(words, "exec: \"") && (says(words, "permission denied") || says(words, "is a directory"))) {
    throw Error(ErrorKind::command_not_executable, message);
  }
  throw Error(ErrorKind::engine, message);
}

}  // namespace

std::string DockerExecs::create(const std::string& container, const runtime::ExecSpec& spec) {
  Json environment = Json::array();
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
  const Json body = {{"AttachStdin", spec.open_stdin},
                     {"AttachStdout", true},
                     {"AttachStderr", true},
                     {"Tty", spec.tty},
                     {"Cmd", spec.command},
                     {"Env", environment},
                     {"WorkingDir", spec.workdir},
                     {"Privileged", false},
                     {"DetachKeys", "ctrl-@,ctrl-@,ctrl-@,ctrl-@,ctrl-@,ctrl-@"}};
  return require_string(api_.call({.purpose = "run a command in container '" + container + "'",
                                   .method = "POST",
                                   .path = "/containers/" + url_encode(container) + "/exec",
                                   .body = body}),
                        "Id");
}

std::unique_ptr<runtime::AttachStream> DockerExecs::start(const std::string& id,
                                                          const runtime::ExecSpec& spec,
                                                          runtime::TerminalSize size) {
  const Json body = {{"Detach", false}, {"Tty", spec.tty}};
  auto stream = runtime::http::hijack(
      api_.client().socket(), api_.prefix() + path_of(id, "/start"), body.dump(), !spec.tty, api_.stop(),
      [&](int status, const std::string& text) { api_.fail("run the command", status, text); });
  if (spec.tty && size.rows > 0 && size.columns > 0) {
    await_start(api_, id);
    try {
      resize(id, size);
    } catch (const Error& error) {
      log::debug("{}", error.what());  // it has ended already
    }
  }
  runtime::stream::ExecStream::Judge judge;
  judge.beginning = "OCI runtime exec failed: ";
  judge.has_started = [&api = api_, id] { return inspect(api, id).has_run; };
  judge.condemn = [&api = api_, id](const std::string& words) {
    if (!inspect(api, id).has_run) refuse(words);
  };
  return std::make_unique<runtime::stream::ExecStream>(std::move(stream), std::move(judge));
}

void DockerExecs::resize(const std::string& id, runtime::TerminalSize size) {
  api_.call(
      {.purpose = "resize the command's terminal",
       .method = "POST",
       .path = path_of(id, "/resize?h=") + std::to_string(size.rows) + "&w=" + std::to_string(size.columns)});
}

int DockerExecs::exit_code(const std::string& id) {
  // The stream ends a moment before the engine has taken the exit down.
  const auto deadline = steady_clock::now() + start_limit;
  State state = inspect(api_, id);
  while (!state.ended && steady_clock::now() < deadline) {
    ::poll(nullptr, 0, poll_milliseconds);
    if (api_.stop() != nullptr) api_.stop()->check();
    state = inspect(api_, id);
  }
  if (!state.ended) {
    throw Error(ErrorKind::engine,
                "cannot tell how the command ended: its stream has ended and Docker says that it runs");
  }
  return state.exit_code;
}

}  // namespace drydock::docker
