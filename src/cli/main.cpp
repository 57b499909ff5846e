#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "cli/command_line.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "cli/help.hpp"
#include "core/host_verdict.hpp"

namespace drydock::cli {
namespace {

constexpr int usage_status = 2;

void configure_log(const GlobalOptions& global) {
  log::Level level = log::Level::warn;
  if (global.verbose == 1) level = log::Level::info;
  if (global.verbose == 2) level = log::Level::debug;
  if (global.verbose > 2) level = log::Level::trace;
  if (!global.log_level.empty()) level = log::parse_level(global.log_level);
  log::configure(level, global.log_file);
}

int exit_status(const Error& error, const Command* command) {
  switch (error.kind()) {
    case ErrorKind::usage:
      return usage_status;
    case ErrorKind::command_not_executable:
      return 126;
    case ErrorKind::command_not_found:
      return 127;
    default:
      return command != nullptr ? command->failure_status() : 1;
  }
}

void change_directory(const std::string& directory) {
  if (directory.empty()) return;
  std::error_code failed;
  core::set_shell_folder(std::filesystem::current_path(failed).string());
  if (::chdir(directory.c_str()) != 0) {
    throw Error(ErrorKind::invalid, with_errno("cannot change to directory '" + directory + "'", errno),
                "name an existing folder after -C");
  }
}

void check_engine(const std::string& url) {
  const std::string wrong = url.empty() ? "" : core::wrong_engine_url(url);
  if (wrong.empty()) return;
  throw Error(ErrorKind::usage, "cannot use option '--engine': '" + printable(url, 200) + "' " + wrong,
              "write it as unix:///path/to/the/socket");
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// The folder of the project that the command is about.
std::string folder_of(const CommandLine& line) {
  if (line.command->has_run_options() && !line.operands.empty()) return line.operands.front();
  return line.values.count("project") != 0 ? line.values["project"].as<std::string>() : ".";
}

// What files say, under what the command line and the environment do.
Configuration configure(CommandLine& line, const StopSource& stop) {
  if (!line.command->is_configured()) return {};
  const bool runs = line.command->has_run_options();
  Configuration configuration = read_configuration(folder_of(line), line.global.config, &stop);
  if (!configuration.problems().empty() && !line.command->tells_wrong_configuration())
    throw configuration.problems().front();
  const std::string runtime = configuration.value("runtime");
  if (line.global.runtime_origin == "the default" && !runtime.empty()) {
    line.global.runtime = runtime;
    line.global.runtime_origin = configuration.origin("runtime");
    // The address of another engine would be no use.
    if (line.global.engine.empty() && !is_set("CONTAINER_HOST") && !is_set("DOCKER_HOST"))
      line.global.engine = configuration.value("engine");
  }
  if (!runs) return configuration;
  po::options_description options;
  line.command->declare(options);
  configuration.merge_into(line.values, options);
  return configuration;
}

int run(const std::vector<std::string>& arguments) {
  Console console;
  const Command* command = nullptr;
  try {
    GlobalOptions global;
    try {
      CommandLine line = parse_command_line(arguments, global);
      command = line.command;
      console.configure(line.global.quiet, line.global.verbose, line.global.json);
      if (line.global.help) {
        const bool general = arguments.size() == 1;
        console.print(general ? general_help() : command_help(*line.command));
        return 0;
      }
      if (line.global.version) {
        console.print(std::string("drydock ") + version + "\n");
        return 0;
      }
      configure_log(line.global);
      check_engine(line.global.engine);
      change_directory(line.global.directory);
      StopSource stop;
      const SignalRouter router(stop);
      const Configuration configuration = configure(line, stop);
      if (command->is_configured()) core::require_engine_name(make_providers(), line.global.runtime);
      int status = 0;
      name_origins(configuration, [&] {
        status = command->run(
            {line.global, line.values, line.operands, line.container_command, console, stop, &configuration});
      });
      return status;
    } catch (const Error&) {
      if (command == nullptr) console.configure(global.quiet, 0, global.json);
      throw;
    }
  } catch (const Interrupted& interrupted) {
    return 128 + interrupted.signal();
  } catch (const Error& error) {
    const int status = exit_status(error, command);
    console.report(error, status);
    return status;
  } catch (const std::exception& error) {
    const int status = command != nullptr ? command->failure_status() : 1;
    console.report(Error(ErrorKind::internal, std::string("cannot go on: ") + error.what()), status);
    return status;
  }
}

// A closed standard stream would give its number to the next file that is opened. What takes the place of
// standard output is to be read: data that is written there is lost, and that is an error.
void open_missing_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // NOLINTNEXTLINE(android-cloexec-open): it is a standard stream
    ::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
  }
}

}  // namespace
}  // namespace drydock::cli

int main(int argc, char** argv) {
  drydock::cli::open_missing_streams();
  std::signal(SIGPIPE, SIG_IGN);
  return drydock::cli::run({argv + 1, argv + argc});
}
