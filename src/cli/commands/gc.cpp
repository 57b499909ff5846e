#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/engines.hpp"
#include "core/farewell.hpp"

namespace drydock::cli {
namespace {

class GcCommand : public Command {
 public:
  std::string name() const override { return "gc"; }
  std::string summary() const override { return "remove what ended, crashed or lost its owner"; }
  std::string synopsis() const override { return "[--dry-run]"; }
  std::vector<Example> examples() const override { return {{"drydock gc --dry-run", "what would go"}}; }
  std::string description() const override {
    return "A session that you detached from lives on until its agent ends. Nothing is removed on a guess: "
           "what cannot be\n"
           "judged stays. Every run does this for its engine before it starts.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("dry-run,n", po::bool_switch(), "only say what would be removed");
  }

  int run(const Invocation& invocation) const override {
    const bool dry_run = invocation.flag("dry-run");
    const auto providers = make_providers();
    Json array = Json::array();
    bool failed = false;
    for (const auto& engine : core::reachable_engines(providers, invocation.global.runtime,
                                                      invocation.global.engine, &invocation.stop)) {
      for (const core::Collected& entry :
           core::collect_garbage(*engine, dry_run, core::farewell_of(*engine, invocation.console))) {
        array.push_back({{"id", entry.session.id},
                         {"runtime", entry.session.runtime},
                         {"reason", entry.reason},
                         {"failures", entry.failures}});
        if (!invocation.global.json) invocation.console.print(entry.session.id + "  " + entry.reason + "\n");
        for (const std::string& failure : entry.failures) {
          failed = true;
          invocation.console.warn(failure);
        }
      }
    }
    if (invocation.global.json) invocation.console.print(array.dump(2) + "\n");
    return failed ? 1 : 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace drydock::cli
