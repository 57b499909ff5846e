#include "core/exec.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/carry.hpp"
#include "core/command_error.hpp"
#include "core/secrets.hpp"
#include "core/terminal.hpp"

namespace drydock::core {
namespace {

// The command gets the container's user: it must be what drydock gave every agent, "1000:1000".
void require_user(const std::string& text) {
  const auto colon = text.find(':');
  const auto is_number = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const std::string_view uid = std::string_view(text).substr(0, colon);
  if (colon == std::string::npos || !is_number(uid) || !is_number(std::string_view(text).substr(colon + 1)) ||
      uid.find_first_not_of('0') == std::string_view::npos) {
    throw Error(ErrorKind::refused,
                "cannot run a command as user '" + printable(text, 80) + "': a session's user is never root",
                "the container was changed; end the session with: drydock stop");
  }
}

bool is_proxy_variable(const std::string& name) {
  return ends_with(to_lower_ascii(name), "_proxy") || name == "NODE_USE_ENV_PROXY";
}

// As the session's first command has them, but for what is given by hand.
std::vector<std::string> secret_variables_for(const SessionRecord& session, const ExecOptions& options) {
  std::vector<std::string> names = strings_or_empty(saved_plan(session.id), "secret_variables");
  std::erase_if(names, [&](const std::string& name) {
    return !is_variable_name(name) || options.environment.count(name) != 0;
  });
  return names;
}

}  // namespace

int exec_in_session(runtime::Engine& engine, const SessionRecord& session, const ExecOptions& options,
                    StopSource& stop) {
  const std::string& agent = session.agents.front();
  const runtime::ContainerReport report = engine.containers().inspect(agent);
  runtime::ExecSpec spec;
  spec.command = with_secret_variables(secret_variables_for(session, options), options.command);
  spec.workdir = options.workdir.empty() ? report.workdir : options.workdir;
  spec.tty = options.tty;
  spec.open_stdin = options.interactive;
  require_user(report.user);
  for (const auto& [name, value] : options.environment) {
    // What leads to the session's proxy leads there for every process in it.
    if (!is_proxy_variable(name) || report.environment.count(name) == 0) spec.environment[name] = value;
  }

  return naming_command(options.command.front(), [&] {
    const std::string id = engine.execs().create(agent, spec);
    const auto stream =
        engine.execs().start(id, spec, options.tty ? terminal_size() : runtime::TerminalSize{});
    CarryOptions carried;
    carried.tty = options.tty;
    carried.with_stdin = options.interactive;
    carried.resize = [&](runtime::TerminalSize size) { engine.execs().resize(id, size); };
    if (carry(*stream, carried, stop) == PumpEnd::stopped) return 128 + stop.acknowledge();
    return engine.execs().exit_code(id);
  });
}

}  // namespace drydock::core
