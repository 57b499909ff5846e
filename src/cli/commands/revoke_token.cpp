#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "core/agent_tokens.hpp"

namespace drydock::cli {
namespace {

// The agent's profile; of one that has none any more what is kept can still be removed.
core::AgentProfile agent_of_tokens(const std::string& name) {
  const bool fit =
      !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  try {
    return core::find_agent(name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage || !fit || core::kept_tokens(name).empty()) throw;
    core::AgentProfile gone;
    gone.name = name;
    return gone;
  }
}

class RevokeTokenCommand : public Command {
 public:
  std::string name() const override { return "revoke-token"; }
  std::string summary() const override { return "remove what setup-token has kept"; }
  std::string synopsis() const override { return "[--name NAME] [AGENT]"; }
  std::vector<Example> examples() const override {
    return {{"drydock revoke-token claude", "sessions get none of its tokens from now on"},
            {"drydock revoke-token opencode --name OPENAI_API_KEY", "this one alone"}};
  }
  std::string description() const override {
    return "AGENT is the agent, by default the configuration's or claude. The token is removed from this "
           "machine.\n"
           "Sessions that run have it until they end, and it stays valid with its provider until it is "
           "revoked there.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("name", po::value<std::string>()->value_name("NAME"),
                          "the one to remove, by default all of the agent's");
  }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    std::string named = invocation.operands.empty() ? "" : invocation.operands.front();
    if (named.empty() && invocation.configuration != nullptr)
      named = invocation.configuration->value("agent");
    const core::AgentProfile agent = agent_of_tokens(named.empty() ? core::default_agent : named);
    const std::string asked = invocation.text("name");
    const std::vector<std::string> kept = core::kept_tokens(agent.name);
    if (!asked.empty() && std::find(kept.begin(), kept.end(), asked) == kept.end())
      core::token_kind(agent, asked);
    const std::vector<std::string> gone = core::forget_tokens(agent.name, asked);
    if (invocation.global.json) {
      const Json json = {{"schema", 1},
                         {"agent", agent.name},
                         {"names", gone},
                         {"changed", !gone.empty()},
                         {"file", nullptr}};
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
      return 0;
    }
    if (gone.empty()) {
      invocation.console.say("no " + (asked.empty() ? "token" : asked) + " is kept for " + agent.name);
      return 0;
    }
    for (const std::string& name : gone) tell(invocation, agent, name);
    return 0;
  }

 private:
  static void tell(const Invocation& invocation, const core::AgentProfile& agent, const std::string& name) {
    const auto known = std::find_if(agent.secrets.begin(), agent.secrets.end(),
                                    [&](const core::AgentSecret& secret) { return secret.name == name; });
    const std::string place =
        known == agent.secrets.end() || known->revoke.empty() ? "" : ": " + printable(known->revoke, 300);
    invocation.console.say("removed: " + name + " of " + agent.name +
                           "; it stays valid with its provider until it is revoked there" + place);
  }
};

}  // namespace

std::unique_ptr<Command> make_revoke_token_command() { return std::make_unique<RevokeTokenCommand>(); }

}  // namespace drydock::cli
