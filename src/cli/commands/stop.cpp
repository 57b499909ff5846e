#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/engines.hpp"
#include "core/sessions.hpp"

namespace drydock::cli {
namespace {

constexpr int grace_seconds = 3;

struct Found {
  runtime::Engine* engine;
  core::SessionRecord session;
};

// By id, unambiguous beginning of an id, or name.
const Found& find(const std::vector<Found>& all, const std::string& wanted) {
  std::vector<const Found*> hits;
  for (const Found& entry : all) {
    if (entry.session.id == wanted) return entry;
    if (entry.session.name == wanted || (wanted.size() >= 2 && starts_with(entry.session.id, wanted)))
      hits.push_back(&entry);
  }
  if (hits.size() == 1) return *hits.front();
  const std::string reason = hits.empty() ? "there is no such session" : "more than one session fits";
  throw Error(ErrorKind::not_found, "cannot stop session '" + printable(wanted, 80) + "': " + reason,
              "see: drydock list --all");
}

class StopCommand : public Command {
 public:
  std::string name() const override { return "stop"; }
  std::string summary() const override { return "end sessions and remove what they made"; }
  std::string synopsis() const override { return "SESSION... | --all"; }
  std::string description() const override {
    return "SESSION is an id, the beginning of one, or a name. The agent gets SIGTERM and, three seconds "
           "later, SIGKILL.\n"
           "Each session is tried; the exit status is 1 if one failed.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("all,a", po::bool_switch(), "every session of yours");
  }
  std::size_t max_operands() const override { return 1000; }

  int run(const Invocation& invocation) const override {
    const bool all = invocation.flag("all");
    if (all != invocation.operands.empty()) {
      throw Error(ErrorKind::usage,
                  all ? "cannot use option '--all': sessions are named as well"
                      : "cannot stop a session: none is named",
                  "name sessions, or give --all");
    }
    const auto providers = make_providers();
    const auto engines = core::reachable_engines(providers, invocation.global.runtime,
                                                 invocation.global.engine, &invocation.stop);
    std::vector<Found> sessions;
    for (const auto& engine : engines) {
      for (core::SessionRecord& session : core::find_sessions(*engine))
        sessions.push_back({engine.get(), std::move(session)});
    }
    bool failed = false;
    const auto attempt = [&](const Found& found) {
      for (const std::string& failure : end(found)) {
        failed = true;
        invocation.console.warn(failure);
      }
      invocation.console.print(found.session.id + "\n");
    };
    if (all) {
      std::for_each(sessions.begin(), sessions.end(), attempt);
      return failed ? 1 : 0;
    }
    for (const std::string& wanted : invocation.operands) {
      try {
        attempt(find(sessions, wanted));
      } catch (const Error& error) {
        failed = true;
        invocation.console.report(error, failure_status());
      }
    }
    return failed ? 1 : 0;
  }

 private:
  static std::vector<std::string> end(const Found& found) {
    if (found.session.agent_state == runtime::ContainerState::running) {
      for (const std::string& agent : found.session.agents) {
        try {
          found.engine->containers().stop(agent, grace_seconds);
        } catch (const Error& error) {
          // Removal ends it as well, without the grace.
          if (error.kind() == ErrorKind::unavailable) throw;
        }
      }
    }
    return core::remove_session(*found.engine, found.session);
  }
};

}  // namespace

std::unique_ptr<Command> make_stop_command() { return std::make_unique<StopCommand>(); }

}  // namespace drydock::cli
