#include <cerrno>
#include <fstream>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "cli/run_options.hpp"
#include "core/agent_image.hpp"
#include "core/agents.hpp"
#include "core/bootstrap.hpp"
#include "core/package_list.hpp"
#include "core/pull.hpp"
#include "core/sidecar_image.hpp"

namespace drydock::cli {
namespace {

class BuildCommand : public Command {
 public:
  std::string name() const override { return "build"; }
  std::string summary() const override { return "make the images: the sidecar's, an agent's, a base"; }
  std::string synopsis() const override { return "[--agent NAME] [--base bootstrap|FILE|REF] [OPTIONS]"; }
  std::vector<Example> examples() const override {
    return {{"drydock build --agent claude", "an image with Claude Code in it"},
            {"drydock build --agent claude --base localhost/project-ci:1",
             "Claude Code in the image that the project's tests run in"},
            {"drydock build --base bootstrap", "an image to work in, without an agent"}};
  }
  std::string description() const override {
    return "The sidecar's image is made from this machine's tinyproxy; no registry is asked. The base comes "
           "from the\n"
           "distribution's packages (bootstrap, with mmdebstrap), from the tar of a root file system (FILE), "
           "or is an image\n"
           "that the engine has (REF). An agent's image is the base and on top of it the agent's packages, "
           "from "
           "the npm\nregistry that your npm uses, checked against its digests; nothing of them is executed. "
           "Without --base and\n--agent only the sidecar's image is made. Prints the images' names.";
  }
  void declare(po::options_description& options) const override {
    auto add = options.add_options();
    add("base", po::value<std::string>()->value_name("BASE"), "also make the base image for agents");
    add("pull", po::value<std::string>()->value_name("WHEN"),
        "with --base REF: fetch it from its registry: never (the default), missing, always, newer");
    add("agent", po::value<std::string>()->value_name("NAME"), "also make the image of this agent");
    add("agent-version", po::value<std::string>()->value_name("VERSION"),
        "with --agent: this version of it, by default what its profile says, or the latest");
    add("package", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
        "with --agent or --output: a further package of the distribution in it; repeatable");
    add("registry", po::value<std::string>()->value_name("URL"),
        "with --agent: the npm registry, by default the one that npm is set up with");
    add("sbom", po::value<std::string>()->value_name("FILE"),
        "with --agent: write what went in to FILE, as CycloneDX");
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
    if (invocation.has("output")) {
      request.packages = read_packages(invocation);
      return write_rootfs(invocation, request);
    }
    std::optional<core::AgentProfile> agent;
    if (invocation.has("agent")) agent = core::find_agent(invocation.text("agent"));
    if (!agent) refuse_without_agent(invocation);
    request.packages = read_packages(invocation);
    const core::PullPolicy pull = read_pull(invocation);
    if (pull != core::PullPolicy::never && !core::is_engine_image(request.base)) {
      throw Error(ErrorKind::usage, "cannot use option '--pull': the base is not an image of a registry",
                  "name one: --base REF");
    }
    const auto providers = make_providers();
    const core::Selection selection =
        core::select_engine(providers, invocation.global.runtime, invocation.global.engine, &invocation.stop);
    core::pull_as_asked(*selection.engine, request.base, pull, invocation.console);
    Json made = Json::object();
    made["sidecar"] = core::ensure_sidecar_image(*selection.engine, no_cache, &invocation.stop).reference;
    if (agent) {
      made["agent"] = make_agent(invocation, *selection.engine, *agent, request);
    } else if (invocation.has("base")) {
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
  static void refuse_without_agent(const Invocation& invocation) {
    for (const char* option : {"agent-version", "package", "registry", "sbom"}) {
      if (!invocation.has(option)) continue;
      throw Error(ErrorKind::usage,
                  "cannot use option '--" + std::string(option) + "': it is about an agent's image",
                  "name the agent: --agent NAME");
    }
  }

  static std::vector<std::string> read_packages(const Invocation& invocation) {
    std::vector<std::string> packages = invocation.list("package");
    for (const std::string& name : packages) {
      const std::string wrong = core::wrong_package_name(name);
      if (wrong.empty()) continue;
      throw Error(ErrorKind::usage, "cannot use option '--package': '" + printable(name, 80) + "' " + wrong,
                  "name packages as apt does, without version and options");
    }
    return packages;
  }

  static std::string make_agent(const Invocation& invocation, runtime::Engine& engine,
                                const core::AgentProfile& agent, const core::BaseRequest& base) {
    core::AgentImageRequest request;
    request.base = base;
    request.registry = invocation.text("registry");
    request.version = invocation.text("agent-version");
    request.list = configured_packages(invocation);
    request.with_sbom = invocation.has("sbom");
    request.warn = [&](const std::string& text) { invocation.console.warn(text); };
    const core::AgentImage made = core::ensure_agent_image(engine, agent, request);
    if (invocation.has("sbom")) write_file(invocation.text("sbom"), made.sbom);
    return made.image.reference;
  }

  static void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (file) return;
    throw Error(ErrorKind::permission, with_errno("cannot write file '" + printable(path, 200) + "'", errno),
                "name a file in a folder of yours");
  }

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
