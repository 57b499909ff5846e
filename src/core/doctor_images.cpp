#include "base/text.hpp"
#include "core/agent_image.hpp"
#include "core/bootstrap.hpp"
#include "core/doctor_checks.hpp"
#include "core/own_image.hpp"
#include "core/sidecar_image.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

Finding examine_named(runtime::Engine* engine, const RunOptions& run) {
  const std::string name = printable(run.image, 200);
  if (engine == nullptr)
    return {"image", FindingStatus::not_checked, "image " + name + ": no engine answers", "", true};
  try {
    if (find_image(*engine, run.image)) return ok_finding("image", name + " is there", false);
    if (run.pull != PullPolicy::never)
      return {"image", FindingStatus::note, name + " is not there; the next run fetches it", "", false};
    return problem_finding("image", "image " + name + " is not there, which the configuration names",
                           "load it, or write: pull = missing");
  } catch (const Error& error) {
    return problem_of("image", error, "see what the engine says");
  }
}

// What `drydock run` runs when nothing is named on its command line.
Finding examine_agent(runtime::Engine* engine, const RunOptions& run) {
  const std::vector<std::string>& packages = run.packages;
  const std::string& name = agent_of(run);
  const std::string reference = agent_image_reference(name, packages);
  const std::string build = "drydock build --agent " + name;
  if (engine == nullptr)
    return {"agent-image", FindingStatus::not_checked, "image " + reference + ": no engine answers", "",
            true};
  try {
    const auto image = find_agent_image(*engine, name, packages);
    if (!image) {
      return {
          "agent-image", FindingStatus::warning,
          reference + " is not there: " +
              (packages.empty() ? "a run needs a command then, or another agent"
                                : "the configuration wants it with " + printable(join(packages, ", "), 300)),
          build, false};
    }
    const auto made_of = image->labels.find(image_profile_label);
    if (made_of != image->labels.end() && made_of->second != profile_key(find_agent(name))) {
      return {"agent-image", FindingStatus::warning, reference + " was made of another profile of the agent",
              build, false};
    }
    const auto npm = image->labels.find(image_packages_label);
    return ok_finding("agent-image",
                      reference + " is there" +
                          (npm == image->labels.end() ? "" : ": " + printable(npm->second, 200)) +
                          (packages.empty() ? "" : "; with " + printable(join(packages, ", "), 300)),
                      false);
  } catch (const Error& error) {
    return problem_of("agent-image", error, "see what the engine says");
  }
}

Finding examine_base(runtime::Engine* engine) {
  const std::string reference = base_image_reference();
  if (engine == nullptr) {
    return {"base-image", FindingStatus::not_checked, "image " + reference + ": no engine answers", "", true};
  }
  try {
    const runtime::ImageReport image = engine->images().inspect(reference);
    return ok_finding("base-image", reference + " is there", false);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found)
      return problem_of("base-image", error, "see what the engine says");
    return problem_finding(
        "base-image", "image " + reference + " is not there: what an agent runs in unless --image names one",
        "drydock build --base bootstrap");
  }
}

}  // namespace

Finding examine_sidecar(runtime::Engine* engine, Mode mode, StopSource& stop) {
  try {
    const SidecarImage wanted = wanted_sidecar_image(&stop);
    if (engine == nullptr) {
      return {"sidecar-image", FindingStatus::not_checked,
              "image " + wanted.reference + ": no engine answers; it could be made", "", true};
    }
    if (engine_has(*engine, wanted))
      return ok_finding("sidecar-image", wanted.reference + " is there", false);
    return {"sidecar-image", FindingStatus::note,
            wanted.reference + " is not there, or was made of other programs; the next run makes it",
            "drydock build, to make it now", false};
  } catch (const Error& error) {
    Finding finding = problem_of("sidecar-image", error, "apt install tinyproxy-bin");
    if (mode == Mode::dood) finding.status = FindingStatus::note;
    return finding;
  }
}

Findings examine_images(runtime::Engine* engine, const RunOptions& run) {
  if (!run.image.empty()) return {examine_named(engine, run)};
  Findings findings{examine_base(engine)};
  try {
    // One that runs in the base has none.
    if (!find_agent(agent_of(run)).needs_image() && run.packages.empty()) return findings;
    findings.push_back(examine_agent(engine, run));
  } catch (const Error& error) {
    findings.push_back(problem_of("agent", error, "drydock agents lists them"));
  }
  return findings;
}

}  // namespace drydock::core
