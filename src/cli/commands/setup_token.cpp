#include <unistd.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/hidden_input.hpp"
#include "core/agent_tokens.hpp"

namespace drydock::cli {
namespace {

// The words before the line that is typed.
std::string prompt_for(const core::AgentProfile& agent, const std::string& asked) {
  std::string text;
  std::vector<std::string> names;
  for (const core::AgentSecret& secret : agent.secrets) {
    if (!asked.empty() && secret.name != asked) continue;
    names.push_back(secret.name);
    if (!secret.obtain.empty()) text += "drydock: " + secret.name + ": " + printable(secret.obtain) + "\n";
  }
  return text + "Token for " + agent.name + " (" + join(names, ", ") + "; it is not shown): ";
}

// A token that looks like another one of the agent's.
void warn_of_other_kind(const Invocation& invocation, const core::AgentProfile& agent,
                        const core::AgentSecret& kind, const std::string& token) {
  if (!kind.prefix.empty() && starts_with(token, kind.prefix)) return;
  for (const core::AgentSecret& other : agent.secrets) {
    if (other.name == kind.name || other.prefix.empty() || !starts_with(token, other.prefix)) continue;
    invocation.console.warn("it begins as a " + other.name + " does, and is kept as " + kind.name);
  }
}

class SetupTokenCommand : public Command {
 public:
  std::string name() const override { return "setup-token"; }
  std::string summary() const override { return "keep a token or key for an agent's later sessions"; }
  std::string synopsis() const override { return "[--name NAME] [AGENT]"; }
  std::vector<Example> examples() const override {
    return {{"drydock setup-token claude", "asks for the token, and does not show it"},
            {"drydock setup-token opencode --name OPENAI_API_KEY", "one of several that an agent knows"}};
  }
  std::string description() const override {
    return "AGENT is the agent, by default the configuration's or claude. The token is read from the "
           "terminal, or from\n"
           "standard input when that is none, and never from the command line. It is kept in a file that is "
           "yours alone,\n"
           "and each session in which the agent works gets it as --secret would hand it over. revoke-token "
           "removes it.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("name", po::value<std::string>()->value_name("NAME"),
                          "what it is kept as, as in the agent's profile");
  }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    std::string named = invocation.operands.empty() ? "" : invocation.operands.front();
    if (named.empty() && invocation.configuration != nullptr)
      named = invocation.configuration->value("agent");
    const core::AgentProfile agent = core::find_agent(named.empty() ? core::default_agent : named);
    const std::string asked = invocation.text("name");
    core::token_kind(agent, asked);
    core::keep_out_of_core_files();
    const std::string token = core::token_in(
        agent, read_hidden(prompt_for(agent, asked), core::longest_token + 2, invocation.stop));
    const core::AgentSecret& kind = core::token_kind(agent, asked, token);
    warn_of_other_kind(invocation, agent, kind, token);
    const core::KeptToken kept = core::keep_token(agent.name, kind.name, token);
    if (invocation.global.json) {
      const Json json = {{"schema", 1},
                         {"agent", agent.name},
                         {"names", {kind.name}},
                         {"changed", true},
                         {"file", kept.file}};
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
      return 0;
    }
    invocation.console.say(std::string(kept.replaced ? "replaced: " : "kept: ") + kind.name + " of " +
                           agent.name + ", in " + printable(kept.file, 4096));
    invocation.console.say("sessions of " + agent.name + " get it as " + core::secrets_target + "/" +
                           kind.name + (kind.environment ? " and as a variable" : "") +
                           "; remove it with: drydock revoke-token " + agent.name);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_setup_token_command() { return std::make_unique<SetupTokenCommand>(); }

}  // namespace drydock::cli
