#include <poll.h>

#include <chrono>
#include <memory>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "podman/exec_monitor.hpp"
#include "podman/podman_engine.hpp"
#include "runtime/http/hijack.hpp"
#include "runtime/stream/exec_stream.hpp"

namespace drydock::podman {
namespace {

using std::chrono::steady_clock;

constexpr auto end_limit = std::chrono::seconds(10);
constexpr int poll_milliseconds = 3;
constexpr int not_executable = 126;
constexpr int not_found = 127;

std::string path_of(const std::string& id, std::string_view rest) {
  return "/exec/" + url_encode(id) + std::string(rest);
}

bool says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

struct State {
  bool running = false;
  int exit_code = -1;
};

State inspect(runtime::http::Api& api, const std::string& id) {
  const Json answer = api.call({.purpose = "inspect exec '" + id + "'", .path = path_of(id, "/json")});
  return {bool_or(answer, "Running", false), static_cast<int>(int_or(answer, "ExitCode", -1))};
}

// "Error: crun: executable file `x` not found in $PATH: …: OCI runtime attempted to invoke a command that was
// not found"; a second line about conmon's socket may follow.
void refuse_if_engines(const std::string& text, int exit_code) {
  const std::string line = printable(trim(text.substr(0, text.find('\n'))), 400);
  constexpr std::size_t beginning = std::string_view("Error: ").size();
  const bool engines = says(line, ": OCI ") || says(line, "OCI runtime");
  if (!engines || (exit_code != not_found && exit_code != not_executable)) return;
  const std::string message = "cannot run the command: " + line.substr(beginning);
  if (says(line, "executable file") && says(line, "not found")) {
    throw Error(ErrorKind::command_not_found, message);
  }
  if (says(line, "open executable") || (says(line, "exec: \"") && says(line, "permission denied"))) {
    throw Error(ErrorKind::command_not_executable, message);
  }
  throw Error(ErrorKind::engine, message);
}

}  // namespace

std::string PodmanExecs::create(const std::string& container, const runtime::ExecSpec& spec) {
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
                     {"DetachKeys", ""}};
  return require_string(api_.call({.purpose = "run a command in container '" + container + "'",
                                   .method = "POST",
                                   .path = "/containers/" + url_encode(container) + "/exec",
                                   .body = body}),
                        "Id");
}

std::unique_ptr<runtime::AttachStream> PodmanExecs::start(const std::string& id,
                                                          const runtime::ExecSpec& spec,
                                                          runtime::TerminalSize size) {
  Json body = {{"Detach", false}, {"Tty", spec.tty}};
  if (spec.tty && size.rows > 0 && size.columns > 0) {
    body["h"] = size.rows;
    body["w"] = size.columns;
  }
  auto stream = runtime::http::hijack(
      api_.client().socket(), api_.prefix() + path_of(id, "/start"), body.dump(), !spec.tty, api_.stop(),
      [&](int status, const std::string& text) { api_.fail("run the command", status, text); });
  runtime::stream::ExecStream::Judge judge;
  judge.beginning = "Error: ";
  judge.has_started = [&api = api_, id] { return inspect(api, id).running; };
  judge.condemn = [this, id](const std::string& words) { refuse_if_engines(words, exit_code(id)); };
  return std::make_unique<runtime::stream::ExecStream>(std::move(stream), std::move(judge));
}

void PodmanExecs::resize(const std::string& id, runtime::TerminalSize size) {
  api_.call(
      {.purpose = "resize the command's terminal",
       .method = "POST",
       .path = path_of(id, "/resize?h=") + std::to_string(size.rows) + "&w=" + std::to_string(size.columns)});
}

int PodmanExecs::exit_code(const std::string& id) {
  const auto deadline = steady_clock::now() + end_limit;
  State state = inspect(api_, id);
  while (state.running && steady_clock::now() < deadline) {
    ::poll(nullptr, 0, poll_milliseconds);
    if (api_.stop() != nullptr) api_.stop()->check();
    state = inspect(api_, id);
  }
  if (state.running) {
    throw Error(ErrorKind::engine,
                "cannot tell how the command ended: its stream has ended and Podman says that it runs");
  }
  end_exec_monitor(id);
  return state.exit_code;
}

}  // namespace drydock::podman
