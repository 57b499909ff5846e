// A command of the command line: what it is called, which options it has, what it does.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_source.hpp"
#include "cli/console.hpp"
#include "core/selection.hpp"

namespace drydock::cli {

namespace po = boost::program_options;

// Options that stand before or after the command.
struct GlobalOptions {
  std::string runtime = "auto";
  std::string runtime_origin = "the default";  // where that is from
  std::string engine;
  std::string config;
  std::string log_level;
  std::string log_file;
  std::string directory;
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  bool help = false;
  bool version = false;
};

class Configuration;

struct Invocation {
  const GlobalOptions& global;
  const po::variables_map& values;
  const std::vector<std::string>& operands;
  // What stands behind `--`; absent when there is no `--`.
  const std::optional<std::vector<std::string>>& command;
  Console& console;
  StopSource& stop;
  const Configuration* configuration = nullptr;  // null: it is not read

  bool has(const std::string& option) const { return values.count(option) != 0; }
  bool flag(const std::string& option) const { return has(option) && values[option].as<bool>(); }
  std::string text(const std::string& option) const {
    return has(option) ? values[option].as<std::string>() : "";
  }
  std::vector<std::string> list(const std::string& option) const {
    return has(option) ? values[option].as<std::vector<std::string>>() : std::vector<std::string>{};
  }
};

struct Example {
  std::string command;  // as one types it
  std::string what;     // lower case
};

class Command {
 public:
  virtual ~Command() = default;
  // As one types it: "list", or "egress list" for one of a group.
  virtual std::string name() const = 0;
  virtual std::vector<std::string> aliases() const { return {}; }
  virtual std::string summary() const = 0;            // one line, lower case
  virtual std::string synopsis() const = 0;           // what follows "drydock NAME"
  virtual std::vector<Example> examples() const = 0;  // at least one
  virtual std::string description() const { return {}; }
  virtual void declare(po::options_description& options) const { (void)options; }
  // Of a group; their names begin with the group's, and it does nothing by itself.
  virtual const std::vector<std::unique_ptr<Command>>& subcommands() const;
  virtual std::size_t max_operands() const { return 0; }
  // What its operands are, for completion: "folder", "session", or the words themselves.
  virtual std::string operand() const { return {}; }
  virtual bool takes_command() const { return false; }
  // Whether configuration files are read before it, and whether its options have their values from there.
  virtual bool is_configured() const { return true; }
  virtual bool has_run_options() const { return false; }
  // Whether it goes on where a configuration file is wrong, and says so itself.
  virtual bool tells_wrong_configuration() const { return false; }
  // The exit status of a failure of drydock's or the engine's.
  virtual int failure_status() const { return 1; }
  // The exit status. Throws Error, Interrupted.
  virtual int run(const Invocation& invocation) const = 0;
};

// All of them, in the order in which help lists them.
const std::vector<std::unique_ptr<Command>>& commands();
// By name or alias, one of a group by both words; null when there is none.
const Command* find_command(const std::string& name);

std::unique_ptr<Command> make_run_command();
std::unique_ptr<Command> make_shell_command();
std::unique_ptr<Command> make_attach_command();
std::unique_ptr<Command> make_exec_command();
std::unique_ptr<Command> make_list_command();
std::unique_ptr<Command> make_logs_command();
std::unique_ptr<Command> make_inspect_command();
std::unique_ptr<Command> make_egress_command();
std::unique_ptr<Command> make_egress_list_command();
std::unique_ptr<Command> make_egress_test_command();
std::unique_ptr<Command> make_egress_allow_command();
std::unique_ptr<Command> make_egress_revoke_command();
std::unique_ptr<Command> make_egress_denied_command();
std::unique_ptr<Command> make_egress_log_command();
std::unique_ptr<Command> make_egress_watch_command();
std::unique_ptr<Command> make_egress_capture_command();
std::unique_ptr<Command> make_stop_command();
std::unique_ptr<Command> make_gc_command();
std::unique_ptr<Command> make_build_command();
std::unique_ptr<Command> make_agents_command();
std::unique_ptr<Command> make_sync_command();
std::unique_ptr<Command> make_setup_token_command();
std::unique_ptr<Command> make_revoke_token_command();
std::unique_ptr<Command> make_smoke_command();
std::unique_ptr<Command> make_doctor_command();
std::unique_ptr<Command> make_contain_command();
std::unique_ptr<Command> make_dood_command();
std::unique_ptr<Command> make_default_command();
std::unique_ptr<Command> make_link_command();
std::unique_ptr<Command> make_unlink_command();
std::unique_ptr<Command> make_links_command();
std::unique_ptr<Command> make_completion_command();
std::unique_ptr<Command> make_init_command();
std::unique_ptr<Command> make_version_command();
std::unique_ptr<Command> make_help_command();

}  // namespace drydock::cli
