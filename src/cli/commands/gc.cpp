#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "core/agent_image.hpp"
#include "core/farewell.hpp"

namespace drydock::cli {
namespace {

class GcCommand : public Command {
 public:
  std::string name() const override { return "gc"; }
  std::string summary() const override { return "remove what ended, crashed or lost its owner"; }
  std::string synopsis() const override { return "[--dry-run] [--images]"; }
  std::vector<Example> examples() const override {
    return {{"drydock gc --dry-run", "what would go"},
            {"drydock gc --images", "and images for lists of packages that nothing names any more"}};
  }
  std::string description() const override {
    return "A session that you detached from lives on until its agent ends. Nothing is removed on a guess: "
           "what cannot be\n"
           "judged stays. Every run does this for its engine before it starts. An agent's image that was "
           "made "
           "for a list of\n"
           "packages in the configuration stays too, unless --images is given and no file has this list any "
           "more.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("dry-run,n", po::bool_switch(), "only say what would be removed");
    add("images", po::bool_switch(),
        "also agents' images for lists of packages that no configuration file has");
  }

  int run(const Invocation& invocation) const override {
    const bool dry_run = invocation.flag("dry-run");
    const auto providers = make_providers();
    std::vector<std::vector<std::string>> wanted;
    if (invocation.flag("images")) {
      wanted = every_package_list();
      wanted.push_back(configured_packages(invocation));  // that of --config
    }
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
      if (invocation.flag("images") && !collect_images(invocation, *engine, wanted, array)) failed = true;
    }
    if (invocation.global.json) invocation.console.print(array.dump(2) + "\n");
    return failed ? 1 : 0;
  }

 private:
  static bool collect_images(const Invocation& invocation, runtime::Engine& engine,
                             const std::vector<std::vector<std::string>>& wanted, Json& array) {
    bool good = true;
    for (const core::StaleImage& image : core::stale_agent_images(engine, wanted)) {
      const std::string reason = "for packages that no file names: " + printable(image.list, 300);
      Json failures = Json::array();
      try {
        if (!invocation.flag("dry-run")) engine.images().remove(image.id);
      } catch (const Error& error) {
        good = false;
        failures.push_back(error.what());
        invocation.console.warn(error.what());
      }
      array.push_back({{"image", image.reference},
                       {"runtime", engine.system().name()},
                       {"reason", reason},
                       {"failures", failures}});
      if (!invocation.global.json)
        invocation.console.print(printable(image.reference, 300) + "  " + reason + "\n");
    }
    return good;
  }
};

}  // namespace

std::unique_ptr<Command> make_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace drydock::cli
