#include "cli/egress_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/utf8.hpp"
#include "cli/configuration.hpp"
#include "cli/table.hpp"
#include "core/decision_log.hpp"
#include "core/effective_allowlist.hpp"

namespace drydock::cli {
namespace {

const char* word_of(core::EntryChange::What what) {
  using What = core::EntryChange::What;
  switch (what) {
    case What::added:
      return "added";
    case What::extended:
      return "extended";
    case What::present:
      return "present";
    case What::revoked:
      return "revoked";
  }
  return "";
}

}  // namespace

void declare_project(po::options_description& options) {
  options.add_options()("project", po::value<std::string>()->value_name("DIR"),
                        "the project in DIR, by default the one here");
}

void declare_agent(po::options_description& options) {
  options.add_options()("agent", po::value<std::string>()->value_name("NAME"),
                        "with the baseline of this agent, by default claude or the configuration's");
}

core::AgentProfile read_agent(const Invocation& invocation) {
  std::string name = invocation.text("agent");
  if (name.empty() && invocation.configuration != nullptr) name = invocation.configuration->value("agent");
  return core::find_agent(name.empty() ? core::default_agent : name);
}

void declare_session(po::options_description& options, const char* what) {
  options.add_options()("session", po::value<std::string>()->value_name("SESSION"), what);
}

core::Allowlist read_allowlist(const Invocation& invocation, const core::Project& project) {
  return core::effective_allowlist(project, read_agent(invocation), read_allowlist_request(invocation));
}

core::Project read_project(const Invocation& invocation) {
  return core::resolve_project(invocation.has("project") ? invocation.text("project") : ".");
}

void refuse_both(const Invocation& invocation, const std::string& one, const std::string& other) {
  const auto given = [&](const std::string& option) {
    return invocation.has(option) && !invocation.values[option].defaulted();
  };
  if (!given(one) || !given(other)) return;
  throw Error(ErrorKind::usage, "cannot use option '--" + one + "': --" + other + " is given as well",
              "give one of them");
}

const std::vector<std::string>& read_hosts(const Invocation& invocation, const char* verb) {
  if (invocation.operands.empty()) {
    throw Error(ErrorKind::usage, std::string("cannot ") + verb + " a host: none is named",
                std::string("name one, as in: drydock egress ") + verb + " example.org");
  }
  return invocation.operands;
}

void put_source(Json& object, const core::Source& source) {
  object["source"] = source.name;
  object["line"] = source.line > 0 ? Json(source.line) : Json(nullptr);
}

Json expiry_json(std::int64_t expires) { return expires == 0 ? Json(nullptr) : Json(expires); }

std::string expiry_text(std::int64_t expires) {
  return expires == 0 ? std::string{} : "until " + to_rfc3339(expires);
}

void print_decision(const Invocation& invocation, std::string_view line) {
  invocation.console.print((invocation.global.json ? std::string(line) : core::decision_line(line)) + "\n");
}

void print_changes(const Invocation& invocation, const std::vector<core::EntryChange>& changes,
                   const std::string& session) {
  if (invocation.global.json) {
    Json hosts = Json::array();
    for (const core::EntryChange& change : changes) {
      Json object = {
          {"host", change.line}, {"change", word_of(change.what)}, {"expires", expiry_json(change.expires)}};
      object["still"] = change.still.empty() ? Json(nullptr) : Json(change.still);
      put_source(object, core::parse_source(change.source));
      hosts.push_back(std::move(object));
    }
    const Json json = {{"schema", 1},
                       {"session", session.empty() ? Json(nullptr) : Json(session)},
                       {"dry_run", invocation.has("dry-run") && invocation.flag("dry-run")},
                       {"hosts", hosts}};
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const core::EntryChange& change : changes) {
    const std::string until = expiry_text(change.expires);
    rows.push_back({word_of(change.what), change.line,
                    one_line(change.source, 4096) + (until.empty() ? "" : ", " + until)});
  }
  invocation.console.print(table(rows));
  for (const core::EntryChange& change : changes) {
    if (!change.still.empty())
      invocation.console.say(change.line + " is still allowed, by " + one_line(change.still, 4096));
  }
}

}  // namespace drydock::cli
