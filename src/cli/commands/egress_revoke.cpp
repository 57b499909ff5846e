#include "base/text.hpp"
#include "cli/egress_options.hpp"
#include "cli/session_argument.hpp"
#include "core/allowlist_file.hpp"
#include "core/live_egress.hpp"

namespace drydock::cli {
namespace {

class EgressRevokeCommand : public Command {
 public:
  std::string name() const override { return "egress revoke"; }
  std::string summary() const override { return "take back what a live session was allowed while it ran"; }
  std::string synopsis() const override { return "[--session SESSION] HOST..."; }
  std::vector<Example> examples() const override {
    return {{"drydock egress revoke --session 4f2a example.org", "at once; its tunnels are cut"}};
  }
  std::string description() const override {
    return "Takes hosts back that egress allow --session has added, and cuts the tunnels that are not "
           "allowed "
           "any more;\nothers go on. What the session was started with stays: take it out of its file, and "
           "start a "
           "new one. Of a\ngroup it takes back what was added so, and tells what else of it is there. "
           "Without "
           "--session the only live session\nof this folder's project is meant.";
  }
  void declare(po::options_description& options) const override {
    declare_session(options, "the live session");
  }
  std::size_t max_operands() const override { return 1000; }

  int run(const Invocation& invocation) const override {
    std::vector<core::NamedEntries> wanted;
    for (const std::string& host : read_hosts(invocation, "revoke"))
      wanted.push_back({to_lower_ascii(trim(host)), core::parse_hosts({host}, "revoke")});
    const Sessions sessions(invocation);
    const core::Candidate& found =
        sessions.find(invocation.text("session"), "change the allowlist of", core::a_live_session());
    const auto edit = [&](core::LiveFilter& filter) { return filter.revoke(wanted); };
    print_changes(invocation, core::change_live_filter(*found.engine, found.session, edit), found.session.id);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_revoke_command() { return std::make_unique<EgressRevokeCommand>(); }

}  // namespace drydock::cli
