#include "base/json.hpp"
#include "base/utf8.hpp"
#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"
#include "cli/table.hpp"
#include "core/groups.hpp"
#include "core/live_egress.hpp"

namespace drydock::cli {
namespace {

class EgressListCommand : public Command {
 public:
  std::string name() const override { return "egress list"; }
  std::string summary() const override { return "show the hosts that are allowed, and where each is from"; }
  std::string synopsis() const override {
    return "[--project DIR] [--agent NAME] | --session SESSION | --groups";
  }
  std::vector<Example> examples() const override {
    return {{"drydock egress list", "what a session in this folder would reach"},
            {"drydock egress list --session 4f2a", "what a live session reaches now"},
            {"drydock egress list --groups", "what @github and the like stand for"}};
  }
  std::string description() const override {
    return "The agent's baseline and the lines of your files, those of the configuration too, each with file "
           "and "
           "line. What\nrun adds by its options is shown for a session, and so is what was added to it while "
           "it "
           "lived, with its end.";
  }
  void declare(po::options_description& options) const override {
    declare_project(options);
    declare_agent(options);
    declare_session(options, "of this live session, as it is now");
    options.add_options()("groups", po::bool_switch(),
                          "the groups of hosts that an allowlist can name, and why each host is in it");
  }

  int run(const Invocation& invocation) const override {
    refuse_both(invocation, "project", "session");
    refuse_both(invocation, "agent", "session");
    for (const char* other : {"project", "agent", "session"}) refuse_both(invocation, "groups", other);
    if (invocation.values["groups"].as<bool>()) {
      print_groups(invocation, core::all_groups());
      return 0;
    }
    std::string session;
    std::string project;
    std::vector<core::LiveEntry> entries;
    if (invocation.has("session")) {
      const Sessions sessions(invocation);
      const core::Candidate& found =
          sessions.find(invocation.text("session"), "read the allowlist of", core::a_live_session());
      session = found.session.id;
      project = found.session.project;
      entries = core::read_live_filter(found.session).entries();
    } else {
      const core::Project here = read_project(invocation);
      project = here.path;
      const core::Allowlist list = read_allowlist(invocation, here);
      for (const core::Entry& entry : list.entries())
        entries.push_back({entry.pattern, entry.source.to_string(), 0});
    }
    print(invocation, entries, project, session);
    return 0;
  }

 private:
  static void print(const Invocation& invocation, const std::vector<core::LiveEntry>& entries,
                    const std::string& project, const std::string& session) {
    if (!invocation.global.json) {
      std::vector<std::vector<std::string>> rows{{"HOST", "FROM"}};
      for (const core::LiveEntry& entry : entries) {
        const std::string until = expiry_text(entry.expires);
        rows.push_back(
            {entry.pattern.to_string(), one_line(entry.source, 4096) + (until.empty() ? "" : ", " + until)});
      }
      invocation.console.print(table(rows));
      return;
    }
    Json array = Json::array();
    for (const core::LiveEntry& entry : entries) {
      Json object = {{"host", entry.pattern.to_string()}, {"expires", expiry_json(entry.expires)}};
      put_source(object, core::parse_source(entry.source));
      array.push_back(std::move(object));
    }
    const Json json = {{"schema", 1},
                       {"project", project},
                       {"session", session.empty() ? Json(nullptr) : Json(session)},
                       {"entries", array}};
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  static void print_groups(const Invocation& invocation, const std::vector<core::Group>& groups) {
    if (invocation.global.json) {
      Json array = Json::array();
      for (const core::Group& group : groups) array.push_back(group_json(group));
      const Json json = {{"schema", 1}, {"groups", array}};
      invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
      return;
    }
    std::vector<std::vector<std::string>> rows{{"GROUP", "HOST", "WHY", "FROM"}};
    for (const core::Group& group : groups) {
      const bool file_of_drydock = group.shipped && group.origin.front() == '/';
      const std::string from = file_of_drydock ? "drydock" : one_line(group.origin, 4096);
      for (const core::GroupHost& host : group.hosts)
        rows.push_back({"@" + group.name, host.host, host.reason, from});
      if (group.hosts.empty()) rows.push_back({"@" + group.name, "-", group.problem, from});
    }
    invocation.console.print(table(rows));
  }

  static Json group_json(const core::Group& group) {
    Json hosts = Json::array();
    for (const core::GroupHost& host : group.hosts)
      hosts.push_back({{"host", host.host}, {"reason", host.reason}});
    return {{"name", group.name},   {"summary", group.summary},
            {"from", group.origin}, {"shipped", group.shipped},
            {"hosts", hosts},       {"problem", group.problem.empty() ? Json(nullptr) : Json(group.problem)}};
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_list_command() { return std::make_unique<EgressListCommand>(); }

}  // namespace drydock::cli
