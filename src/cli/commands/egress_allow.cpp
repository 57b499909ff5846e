#include <ctime>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/text.hpp"
#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"
#include "core/allowlist_file.hpp"
#include "core/effective_allowlist.hpp"
#include "core/live_egress.hpp"

namespace drydock::cli {
namespace {

using What = core::EntryChange::What;

// When something that begins now ends, not before its time is over.
std::int64_t end_of(std::chrono::seconds duration) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec + duration.count() + (now.tv_nsec > 0 ? 1 : 0);
}

std::int64_t read_end(const Invocation& invocation) {
  if (!invocation.has("for")) return 0;
  const auto duration = parse_duration(invocation.text("for"));
  if (!duration) {
    throw Error(
        ErrorKind::usage,
        "cannot use option '--for': '" + printable(invocation.text("for"), 80) + "' is not a duration",
        "write it as 30s, 10m or 1h");
  }
  if (!invocation.has("session")) {
    throw Error(ErrorKind::usage, "cannot use option '--for': a line of a file does not end by itself",
                "name a live session with --session");
  }
  return end_of(*duration);
}

class EgressAllowCommand : public Command {
 public:
  std::string name() const override { return "egress allow"; }
  std::string summary() const override { return "allow hosts: in a file of yours, or in a live session"; }
  std::string synopsis() const override {
    return "[--project DIR | --global | --session SESSION [--for DURATION]] [--dry-run] HOST...";
  }
  std::vector<Example> examples() const override {
    return {{"drydock egress allow example.org", "from now on, for sessions in this folder"},
            {"drydock egress allow --global @pypi", "for every project"},
            {"drydock egress allow --session 4f2a --for 1h example.org", "an hour long, for one that runs"}};
  }
  std::string description() const override {
    return "HOST is what a line of an allowlist may be: example.org, *.example.org, .example.org or @GROUP. "
           "Without\n--session a line is added to a file, for sessions that start from then on, and those "
           "that "
           "run do not change.\nWith it that session is changed at once, and no file. When one HOST is "
           "wrong, "
           "nothing is changed.";
  }
  void declare(po::options_description& options) const override {
    declare_project(options);
    auto add = options.add_options();
    add("global", po::bool_switch(), "for every project");
    declare_session(options, "this live session, at once and until it ends");
    add("for", po::value<std::string>()->value_name("DURATION"),
        "with --session: so long (30s, 10m, 1h), then its tunnels are cut");
    add("dry-run", po::bool_switch(), "say what would be added, change nothing");
  }
  std::size_t max_operands() const override { return 1000; }

  int run(const Invocation& invocation) const override {
    const auto& hosts = read_hosts(invocation, "allow");
    refuse_both(invocation, "project", "global");
    refuse_both(invocation, "session", "global");
    refuse_both(invocation, "session", "project");
    const std::int64_t end = read_end(invocation);
    return invocation.has("session") ? change_session(invocation, hosts, end)
                                     : change_file(invocation, hosts);
  }

 private:
  static int change_file(const Invocation& invocation, const std::vector<std::string>& hosts) {
    const bool dry_run = invocation.flag("dry-run");
    std::vector<core::AddedLine> lines;
    if (invocation.flag("global")) {
      lines = core::add_to_allowlist(core::global_allowlist_path(), hosts, {core::machine_allowlist_path},
                                     dry_run);
    } else {
      const core::Project project = read_project(invocation);
      lines = core::add_to_allowlist(core::project_allowlist_path(project), hosts,
                                     core::allowlist_paths(project), dry_run);
    }
    std::vector<core::EntryChange> changes;
    for (const core::AddedLine& line : lines) {
      core::EntryChange change;
      change.what = line.added ? What::added : What::present;
      change.line = line.line;
      change.source = line.source.to_string();
      changes.push_back(std::move(change));
    }
    print_changes(invocation, changes, {});
    return 0;
  }

  static int change_session(const Invocation& invocation, const std::vector<std::string>& hosts,
                            std::int64_t end) {
    const std::vector<core::Entry> wanted = core::parse_hosts(hosts, "allow");
    const Sessions sessions(invocation);
    const core::Candidate& found =
        sessions.find(invocation.text("session"), "change the allowlist of", core::a_live_session(), hosts);
    const auto edit = [&](core::LiveFilter& filter) { return filter.allow(wanted, end); };
    if (invocation.flag("dry-run")) {
      core::LiveFilter filter = core::read_live_filter(found.session);
      print_changes(invocation, edit(filter), found.session.id);
      return 0;
    }
    print_changes(invocation, core::change_live_filter(*found.engine, found.session, edit), found.session.id);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_allow_command() { return std::make_unique<EgressAllowCommand>(); }

}  // namespace drydock::cli
