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
  std::string synopsis() const override { return "[--base bootstrap|FILE|REF] [--output FILE] [--no-cache]"; }
  std::vector<Example> examples() const override {
    return {{"drydock build --base bootstrap", "an image to work in, without a registry"}};
  }
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
    add("output,o", po::value<std::string>()->value_name("FILE"),
        "with --base bootstrap: only write the root file system to FILE, a tar; needs no engine");
    add("no-cache", po::bool_switch(), "make them anew, with today's packages");
  }

  int run(const Invocation& invocation) const override {
    const bool no_cache = invocation.flag("no-cache");
    core::BaseRequest request;
    request.no_cache = no_cache;
    request.progress = [&](const std::string& text) { invocation.console.progress(text); };
    request.stop = &invocation.stop;
    if (invocation.has("base")) request.base = invocation.text("base");
    if (invocation.has("output")) return write_rootfs(invocation, request);
    const auto providers = make_providers();
    const core::Selection selection =
        core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
    Json made = Json::object();
    made["sidecar"] = core::ensure_sidecar_image(*selection.engine, no_cache, &invocation.stop).reference;
    if (invocation.has("base")) {
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

 private:
  static int write_rootfs(const Invocation& invocation, const core::BaseRequest& request) {
    const std::string path = invocation.text("output");
    if (!invocation.has("base") || request.base != core::bootstrap_keyword || path.empty()) {
      throw Error(ErrorKind::usage,
                  "cannot use option '--output': it names the tar that --base bootstrap makes",
                  "drydock build --base bootstrap --output rootfs.tar");
    }
    core::write_base_rootfs(path, request);
    invocation.console.print(invocation.global.json ? Json{{"rootfs", path}}.dump() + "\n" : path + "\n");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_build_command() { return std::make_unique<BuildCommand>(); }

}  // namespace drydock::cli
