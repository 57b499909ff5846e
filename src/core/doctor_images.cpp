#include "base/text.hpp"
#include "core/agent_image.hpp"
#include "core/bootstrap.hpp"
#include "core/doctor_checks.hpp"
#include "core/own_image.hpp"
#include "core/run.hpp"
#include "core/sidecar_image.hpp"
#include "core/tinyproxy_defects.hpp"

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

// The agent's own image, which a run takes here: without it there is none.
Finding examine_agent(runtime::Engine* engine, const RunOptions& run, const AgentProfile& agent) {
  const std::vector<std::string>& packages = run.packages;
  const std::string reference = agent_image_reference(agent.name, packages);
  if (engine == nullptr)
    return {"agent-image", FindingStatus::not_checked, "image " + reference + ": no engine answers", "",
            true};
  try {
    const auto image = find_agent_image(*engine, agent.name, packages);
    if (!image) {
      return problem_finding(
          "agent-image",
          "image " + reference + " is not there: " +
              (packages.empty() ? "what drydock run would run agent '" + agent.name + "' in"
                                : "the configuration wants it with " + printable(join(packages, ", "), 300)),
          how_to_build(agent.name, packages));
    }
    const auto made_of = image->labels.find(image_profile_label);
    if (made_of != image->labels.end() && made_of->second != profile_key(agent)) {
      return {"agent-image", FindingStatus::warning, reference + " was made of another profile of the agent",
              how_to_build(agent.name, packages), false};
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

// `taken`: a run takes it here; else it is for other runs than the one that is judged, and these are told.
Finding examine_base(runtime::Engine* engine, const AgentProfile& agent, bool taken) {
  const std::string reference = base_image_reference();
  if (engine == nullptr) {
    return {"base-image", FindingStatus::not_checked, "image " + reference + ": no engine answers", "", true};
  }
  try {
    if (find_image(*engine, reference)) return ok_finding("base-image", reference + " is there", false);
  } catch (const Error& error) {
    Finding finding = problem_of("base-image", error, "see what the engine says");
    if (!taken) finding.status = FindingStatus::warning;
    return finding;
  }
  const std::string fix = "drydock build --base bootstrap";
  if (taken) {
    return problem_finding(
        "base-image",
        "image " + reference + " is not there: what drydock run would run agent '" + agent.name + "' in",
        fix);
  }
  return {"base-image", FindingStatus::note,
          "image " + reference +
              " is not there; it is for agents that have no image of their own (--agent shell), and for a "
              "command (drydock run -- CMD) where the agent's image is not there",
          fix, false};
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

Findings examine_proxy(Mode mode, StopSource& stop) {
  if (mode == Mode::dood) return {};
  try {
    const Tinyproxy tinyproxy = installed_tinyproxy(&stop);
    return {judge_tinyproxy(tinyproxy_build(tinyproxy.path, tinyproxy.version, &stop))};
  } catch (const Error&) {
    return {};  // the sidecar's image is a problem then
  }
}

Findings examine_images(runtime::Engine* engine, const RunOptions& run) {
  if (!run.image.empty()) return {examine_named(engine, run)};
  try {
    const AgentProfile agent = find_agent(agent_of(run));
    const bool in_base = choose_kind_of_image(run, agent) == ImageChoice::base;
    Findings findings;
    if (!in_base) findings.push_back(examine_agent(engine, run, agent));
    // With a list of packages nothing runs in it.
    if (run.packages.empty()) findings.push_back(examine_base(engine, agent, in_base));
    return findings;
  } catch (const Error& error) {
    return {problem_of("agent", error, "correct the profile, or remove it")};
  }
}

}  // namespace drydock::core
