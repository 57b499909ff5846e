#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/engines.hpp"
#include "core/agents.hpp"
#include "core/bootstrap.hpp"
#include "core/sidecar_image.hpp"

namespace drydock::cli {
namespace {

class BuildCommand : public Command {
 public:
  std::string name() const override { return "build"; }
  std::string summary() const override { return "make the images: the sidecar's, and a base for agents"; }
  std::string synopsis() const override { return "[--base bootstrap|FILE|REF] [--no-cache]"; }
  std::string description() const override {
    return "The sidecar's image is made from this machine's tinyproxy; no registry is asked. The base comes "
           "from the\n"
           "distribution's packages (bootstrap, with mmdebstrap), from the tar of a root file system (FILE), "
           "or is an image\n"
           "that the engine has (REF). Without --base only the sidecar's image is made. Prints the images' "
           "names.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("base", po::value<std::string>()->value_name("BASE"), "also make the base image for agents");
    add("no-cache", po::bool_switch(), "make them anew, with today's packages");
  }

  int run(const Invocation& invocation) const override {
    const bool no_cache = invocation.flag("no-cache");
    const auto providers = make_providers();
    const core::Selection selection =
        core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
    Json made = Json::object();
    made["sidecar"] = core::ensure_sidecar_image(*selection.engine, no_cache, &invocation.stop).reference;
    if (invocation.has("base")) {
      core::BaseRequest request;
      request.base = invocation.text("base");
      request.no_cache = no_cache;
      request.progress = [&](const std::string& text) { invocation.console.progress(text); };
      request.stop = &invocation.stop;
      made["base"] = core::ensure_base_image(*selection.engine, request).reference;
    }
    if (invocation.global.json) {
      invocation.console.print(made.dump() + "\n");
      return 0;
    }
    for (const auto& [kind, reference] : made.items()) {
      invocation.console.print(kind + "  " + reference.get<std::string>() + "\n");
    }
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_build_command() { return std::make_unique<BuildCommand>(); }

}  // namespace drydock::cli
