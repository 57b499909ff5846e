#include "core/smoke.hpp"

#include "cli/command.hpp"
#include "cli/engines.hpp"
#include "cli/run_options.hpp"
#include "cli/table.hpp"

namespace drydock::cli {
namespace {

std::string to_text(const core::SmokeResult& result) {
  std::vector<std::vector<std::string>> rows{{"CHECK", "EXPECTED", "SEEN", ""}};
  for (const core::WallCheck& check : result.checks) {
    rows.push_back({check.name, check.expected, check.got, check.ok ? "ok" : "FAILED"});
  }
  const runtime::EngineInfo& engine = result.engine;
  return table(rows) + std::to_string(result.holding()) + " of " + std::to_string(result.checks.size()) +
         " checks hold on " + engine.engine + " " + engine.version +
         (engine.rootless ? ", rootless" : ", rootful") + "\n";
}

class SmokeCommand : public Command {
 public:
  std::string name() const override { return "smoke"; }
  std::string summary() const override { return "check the jail, live, on this engine"; }
  std::string synopsis() const override { return "[--subnet-pool NET]"; }
  std::vector<Example> examples() const override {
    return {{"drydock --runtime podman smoke", "is the jail closed on rootless Podman"}};
  }
  std::string description() const override {
    return "Puts up the networks and the sidecar of a contained session, looks at them from the agent's "
           "place, and\n"
           "takes them down again. It needs no agent, no image and no project, mounts nothing of yours, and "
           "sends\n"
           "nothing to the internet. Exit status 0 only if every check holds, 1 if one does not.";
  }
  void declare(po::options_description& options) const override { declare_subnet_pool(options); }
  int failure_status() const override { return 125; }
  int run(const Invocation& invocation) const override {
    const runtime::Cidr subnet_pool = read_subnet_pool(invocation);
    const auto providers = make_providers();
    const core::Selection selection =
        core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
    const core::SmokeResult result =
        core::check_jail(*selection.engine, subnet_pool, invocation.console, invocation.stop);
    invocation.console.print(invocation.global.json ? core::to_json(result).dump(2) + "\n" : to_text(result));
    return result.status();
  }
};

}  // namespace

std::unique_ptr<Command> make_smoke_command() { return std::make_unique<SmokeCommand>(); }

}  // namespace drydock::cli
