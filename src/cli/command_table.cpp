#include <algorithm>

#include "cli/command.hpp"

namespace drydock::cli {
namespace {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> table;
  table.push_back(make_run_command());
  table.push_back(make_shell_command());
  table.push_back(make_attach_command());
  table.push_back(make_exec_command());
  table.push_back(make_list_command());
  table.push_back(make_logs_command());
  table.push_back(make_inspect_command());
  table.push_back(make_egress_command());
  table.push_back(make_stop_command());
  table.push_back(make_gc_command());
  table.push_back(make_build_command());
  table.push_back(make_agents_command());
  table.push_back(make_sync_command());
  table.push_back(make_setup_token_command());
  table.push_back(make_revoke_token_command());
  table.push_back(make_smoke_command());
  table.push_back(make_doctor_command());
  table.push_back(make_contain_command());
  table.push_back(make_dood_command());
  table.push_back(make_default_command());
  table.push_back(make_link_command());
  table.push_back(make_unlink_command());
  table.push_back(make_links_command());
  table.push_back(make_init_command());
  table.push_back(make_completion_command());
  table.push_back(make_version_command());
  table.push_back(make_help_command());
  return table;
}

}  // namespace

const std::vector<std::unique_ptr<Command>>& commands() {
  static const std::vector<std::unique_ptr<Command>> table = make_commands();
  return table;
}

const std::vector<std::unique_ptr<Command>>& Command::subcommands() const {
  static const std::vector<std::unique_ptr<Command>> none;
  return none;
}

const Command* find_command(const std::string& name) {
  for (const auto& command : commands()) {
    const auto aliases = command->aliases();
    if (command->name() == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end())
      return command.get();
    for (const auto& member : command->subcommands()) {
      if (member->name() == name) return member.get();
    }
  }
  return nullptr;
}

}  // namespace drydock::cli
