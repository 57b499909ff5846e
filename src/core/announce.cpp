#include "core/announce.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/download.hpp"
#include "base/text.hpp"
#include "core/agent_state.hpp"
#include "core/gaps.hpp"
#include "core/groups.hpp"
#include "core/host_verdict.hpp"
#include "core/model_hosts.hpp"

namespace drydock::core {
namespace {

// An agent that may not reach its model tries for a minute before it says so.
void warn_of_endpoints(const PreparedRun& run, Talk& talk) {
  if (run.mode.mode != Mode::contained) return;
  const std::map<std::string, std::string> environment = session_environment(run);
  for (const std::string& name : run.agent.endpoints) {
    const auto variable = environment.find(name);
    if (variable == environment.end()) continue;
    const auto host = host_of_registry(variable->second);
    const std::string what = name + " is '" + printable(without_credentials(variable->second), 200) + "', ";
    if (!host) {
      talk.warn(what + "which the agent cannot reach: " + host.error());
    } else if (run.allowlist.match(*host) == nullptr) {
      talk.warn(what + "which is not allowed; allow it: " + allow_command(run.project.path) + " " + *host);
    }
  }
}

// Where another vendor has its model, by a switch.
std::optional<SwitchedModel> model_by_switch(const PreparedRun& run, const Plan& plan) {
  if (run.mode.mode != Mode::contained) return std::nullopt;
  const bool with_settings = plan.state && runs_its_agent(run);
  return switched_model(run.agent, session_environment(run), with_settings ? plan.state->home : "");
}

void warn_of_switch(const PreparedRun& run, const SwitchedModel& model, Talk& talk) {
  const std::string by = model.variable + " is set" +
                         (model.file.empty() ? "" : " in the agent's '~/" + model.file + "'") +
                         ", and by it the model is ";
  if (!model.fault.empty()) {
    talk.warn(by + "where it cannot be reached: " + model.fault);
  } else if (!model.host.empty() && run.allowlist.match(model.host) == nullptr) {
    talk.warn(by + "at " + model.host +
              ", which is not allowed; allow it: " + allow_command(run.project.path) + " " + model.host);
  }
}

// As a secret, or in the environment.
bool is_given(const PreparedRun& run, const std::string& name) {
  return session_environment(run).count(name) != 0 ||
         std::any_of(run.secrets.begin(), run.secrets.end(),
                     [&](const Secret& secret) { return secret.name == name; });
}

// What the agent's own settings and kept logins say of it, as the session begins with them.
std::vector<ModelHost> models_by_settings(const PreparedRun& run, const Plan& plan) {
  if (run.mode.mode != Mode::contained || !plan.state || !runs_its_agent(run)) return {};
  return model_hosts(run.agent.models, plan.state->home);
}

void warn_of_models(const PreparedRun& run, const std::vector<ModelHost>& models, Talk& talk) {
  for (const ModelHost& model : models) {
    const std::string by = "by the agent's '~/" + model.file + "'" +
                           (model.provider.empty() ? "" : " (" + printable(model.provider, 80) + ")");
    if (model.host.empty()) {
      talk.warn(by + " its model is where it cannot be reached: " + model.fault);
    } else if (run.allowlist.match(model.host) == nullptr) {
      talk.warn(by + " its model is at " + model.host +
                ", which is not allowed; allow it: " + allow_command(run.project.path) + " " + model.host);
    }
  }
}

// A key that is sent to a host which the session does not reach is no use.
void warn_of_secrets(const PreparedRun& run, const std::vector<ModelHost>& models, Talk& talk) {
  if (run.mode.mode != Mode::contained) return;
  const std::map<std::string, std::string> environment = session_environment(run);
  // Another address for the model says where it is sent.
  for (const std::string& name : run.agent.endpoints) {
    if (environment.count(name) != 0) return;
  }
  if (std::any_of(models.begin(), models.end(), [](const ModelHost& model) { return model.by_address; }))
    return;
  for (const AgentSecret& known : run.agent.secrets) {
    if (!is_given(run, known.name) || known.host.empty() || run.allowlist.match(known.host) != nullptr)
      continue;
    talk.warn(known.name + " is for " + known.host +
              ", which is not allowed; allow it: " + allow_command(run.project.path) + " " + known.host);
  }
}

// How to log in, when it is the agent that runs and nothing is at hand that it could use.
void tell_of_login(const PreparedRun& run, Talk& talk) {
  const AgentProfile& agent = run.agent;
  const bool runs_agent = run.options.command.empty() && !run.options.shell;
  if (!runs_agent || agent.login_hint.empty()) return;
  // Of an agent whose keys have no names any may be it.
  const bool has_key = (agent.secrets.empty() && !run.secrets.empty()) ||
                       std::any_of(agent.secrets.begin(), agent.secrets.end(),
                                   [&](const AgentSecret& known) { return is_given(run, known.name); });
  if (!has_key && !has_kept_login(agent))
    talk.say(agent.name + " is not logged in here: " + agent.login_hint);
}

// Of dood a warning has said it.
void tell_of_gaps(const Plan& plan, Talk& talk) {
  if (plan.mode == Mode::dood) return;
  GapFacts facts;
  facts.hosts = plan.capture || !plan.allowlist.empty();
  facts.engine_of_root = !plan.engine.rootless;
  facts.patterns = plan.capture || std::any_of(plan.allowlist.entries().begin(),
                                               plan.allowlist.entries().end(), [](const Entry& entry) {
                                                 return entry.pattern.kind != HostPattern::Kind::exact;
                                               });
  facts.writable_project = !plan.project.path.empty() && !plan.project_read_only;
  const std::string open = open_gaps(facts);
  if (!open.empty()) talk.say("not closed here: " + open + "; drydock doctor -v says more");
}

void tell_of_session(const Plan& plan, Talk& talk) {
  const std::string where = plan.engine.engine + (plan.engine.rootless ? ", rootless" : "");
  if (plan.mode == Mode::dood) {
    talk.say("session " + plan.session + ": dood (" + plan.mode_reason + "), " + where);
    talk.warn(
        std::string(
            "the session has the engine's socket and the host's network: whoever controls the agent is ") +
        (plan.engine.rootless ? "you" : "root") + " on this machine, and no jail applies");
  } else if (plan.capture) {
    talk.say("session " + plan.session + ": contained, " + where);
    talk.warn(
        "this is a capture: until it ends the session reaches every host by HTTPS, and what it asks for is "
        "written down");
  } else {
    const std::size_t hosts = plan.allowlist.entries().size();
    talk.say("session " + plan.session + ": contained (" + plan.mode_reason + "), " + where + ", " +
             std::to_string(hosts) + (hosts == 1 ? " host" : " hosts") +
             " allowed; add one: drydock egress allow HOST --session " + plan.session +
             (plan.asks ? "; it asks for others: drydock egress watch " + plan.session : ""));
  }
  for (const std::string& notice : plan.notices) talk.say(notice);
  tell_of_gaps(plan, talk);
}

}  // namespace

std::map<std::string, std::string> session_environment(const PreparedRun& run) {
  std::map<std::string, std::string> environment = run.agent.environment;
  if (!run.options.telemetry) {
    for (const auto& [name, value] : run.agent.telemetry_off) environment[name] = value;
  }
  for (const std::string& name : run.agent.pass) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr && *value != '\0')
      environment[name] = value;
  }
  for (const auto& [name, value] : run.options.environment) environment[name] = value;
  return environment;
}

void announce(const PreparedRun& run, const Plan& plan, Talk& talk) {
  tell_of_session(plan, talk);
  std::vector<ModelHost> models = models_by_settings(run, plan);
  const std::optional<SwitchedModel> switched = model_by_switch(run, plan);
  if (switched) {
    // Its vendor has an address and keys of its own.
    std::erase_if(models, [](const ModelHost& model) { return model.by_address; });
    warn_of_switch(run, *switched, talk);
    warn_of_models(run, models, talk);
    return;
  }
  warn_of_endpoints(run, talk);
  warn_of_models(run, models, talk);
  warn_of_secrets(run, models, talk);
  tell_of_login(run, talk);
}

}  // namespace drydock::core
