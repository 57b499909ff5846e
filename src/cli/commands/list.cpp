#include <algorithm>
#include <ctime>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/engines.hpp"
#include "cli/table.hpp"
#include "core/inspect.hpp"
#include "core/sessions.hpp"

namespace drydock::cli {
namespace {

std::string age(std::int64_t created) {
  if (created == 0) return "-";
  const std::int64_t seconds =
      std::max<std::int64_t>(0, static_cast<std::int64_t>(std::time(nullptr)) - created);
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7200) return std::to_string(seconds / 60) + "m";
  if (seconds < 172800) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string field(const core::SessionRecord& session, const std::string& key) {
  const Json json = core::to_json(session);
  const Json* member = find_member(json, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string{};
}

bool matches(const core::SessionRecord& session, const std::vector<std::string>& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const std::string& filter) {
    const auto equals = filter.find('=');
    return field(session, filter.substr(0, equals)) == filter.substr(equals + 1);
  });
}

void check_filters(const std::vector<std::string>& filters) {
  const std::vector<std::string> keys{"id", "name", "project", "agent", "mode", "runtime", "image", "status"};
  for (const std::string& filter : filters) {
    const auto equals = filter.find('=');
    const std::string key = filter.substr(0, equals);
    if (equals != std::string::npos && std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string near = nearest(key, keys);
    throw Error(
        ErrorKind::usage,
        "cannot use filter '" + printable(filter, 80) + "': it is not KEY=VALUE with a known key",
        near.empty() || near == key ? "use one of: " + join(keys, ", ") : "did you mean '" + near + "=…'?");
  }
}

class ListCommand : public Command {
 public:
  std::string name() const override { return "list"; }
  std::vector<std::string> aliases() const override { return {"ps"}; }
  std::string summary() const override { return "list the sessions"; }
  std::string synopsis() const override { return "[--all] [--filter KEY=VALUE]"; }
  std::vector<Example> examples() const override {
    return {{"drydock list", "what lives"},
            {"drydock list --all --filter project=/home/me/app", "all of one folder, ended ones too"}};
  }
  std::string description() const override {
    return "Sessions of all reachable engines, or of the one that --runtime names; newest first. With --json "
           "an array.\nALLOWED and DENIED count the connections that were let through and refused so far.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("all,a", po::bool_switch(), "also sessions that have ended or are incomplete");
    add("filter", po::value<std::vector<std::string>>()->composing()->value_name("K=V"),
        "only sessions where K is V: id, name, project, agent, mode, runtime, image, status");
  }

  int run(const Invocation& invocation) const override {
    const auto filters = invocation.list("filter");
    check_filters(filters);
    const bool all = invocation.flag("all");
    std::vector<core::SessionRecord> sessions;
    std::vector<std::optional<core::EgressCounts>> counts;
    const auto providers = make_providers();
    for (const auto& engine : core::reachable_engines(providers, invocation.global.runtime,
                                                      invocation.global.engine, &invocation.stop)) {
      for (core::SessionRecord& session : core::find_sessions(*engine)) {
        if ((!all && !core::is_live(session)) || !matches(session, filters)) continue;
        counts.push_back(core::egress_counts(*engine, session));
        sessions.push_back(std::move(session));
      }
    }
    if (invocation.global.json) {
      Json array = Json::array();
      for (std::size_t i = 0; i < sessions.size(); ++i) {
        Json json = core::to_json(sessions[i]);
        json["allowed"] = counts[i] ? Json(counts[i]->allowed) : Json(nullptr);
        json["denied"] = counts[i] ? Json(counts[i]->denied) : Json(nullptr);
        array.push_back(std::move(json));
      }
      invocation.console.print(array.dump(2) + "\n");
      return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"SESSION", "PROJECT", "AGENT", "MODE", "RUNTIME", "STATUS", "AGE", "ALLOWED", "DENIED", "NAME"}};
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      const core::SessionRecord& session = sessions[i];
      rows.push_back({session.id, printable(session.project, 200), session.agent,
                      session.capture ? "capture" : session.mode, session.runtime, core::status_word(session),
                      age(session.created), counts[i] ? std::to_string(counts[i]->allowed) : "-",
                      counts[i] ? std::to_string(counts[i]->denied) : "-", session.name});
    }
    invocation.console.print(table(rows));
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_list_command() { return std::make_unique<ListCommand>(); }

}  // namespace drydock::cli
