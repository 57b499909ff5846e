#include "core/doctor.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/doctor_checks.hpp"
#include "core/own_image.hpp"
#include "core/run.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::Findings;
using runtime::FindingStatus;

bool has_problem(const DoctorReport& report) {
  return std::any_of(report.sections.begin(), report.sections.end(),
                     [](const DoctorSection& section) { return runtime::has_problem(section.findings); });
}

// What a run does before it makes anything, done: its own judgement, whatever the checks above say.
Finding examine_plan(runtime::Engine& engine, const DoctorOptions& options, StopSource& stop) {
  try {
    RunOptions run = options.run;
    run.directory = options.directory;
    run.tty = false;
    if (!run.image.empty() && run.pull != PullPolicy::never && !find_image(engine, run.image))
      return {"plan", FindingStatus::not_checked, "a session's plan: its image is fetched first", "", false};
    plan_run(engine, prepare_run(run), stop);
    return ok_finding("plan", "a session here can be planned; the jail itself is checked by: drydock smoke");
  } catch (const Error& error) {
    return problem_of("plan", error, "see what drydock run --dry-run says");
  }
}

std::optional<Project> examine_folder(const DoctorOptions& options, DoctorReport& report,
                                      Findings& findings) {
  try {
    Project project = resolve_project(options.directory);
    report.project = project.path;
    findings.push_back(ok_finding("folder", project.path + " can be a project"));
    return project;
  } catch (const Error& error) {
    findings.push_back(
        problem_of("folder", error, "go to a project folder, or name one: drydock -C FOLDER doctor"));
    return std::nullopt;
  }
}

// `unseen`: what is taken to hold of what was not seen.
GapFacts gap_facts(const DoctorReport& report, const DoctorOptions& options, bool unseen) {
  GapFacts facts{report.mode->mode == Mode::dood, unseen, unseen, !options.run.project_read_only, unseen};
  if (report.filter) {
    facts.hosts = !report.filter->empty();
    facts.patterns = std::any_of(report.filter->begin(), report.filter->end(), [](const Entry& entry) {
      return entry.pattern.kind != HostPattern::Kind::exact;
    });
  }
  if (const EngineReport* engine = report.chosen()) facts.engine_of_root = !engine->info->rootless;
  return facts;
}

std::vector<GapReport> judge_gaps(const DoctorReport& report, const DoctorOptions& options) {
  std::vector<GapReport> judged;
  for (const Gap& gap : gaps()) {
    judged.push_back({&gap, std::nullopt});
    if (gap.closed()) judged.back().here = false;
    if (gap.closed() || !report.mode) continue;
    const bool here = applies(gap, gap_facts(report, options, false));
    if (here == applies(gap, gap_facts(report, options, true))) judged.back().here = here;
  }
  return judged;
}

}  // namespace

Finding ok_finding(std::string id, std::string what, bool detail) {
  return {std::move(id), FindingStatus::ok, std::move(what), "", detail};
}

Finding problem_finding(std::string id, std::string what, std::string fix) {
  return {std::move(id), FindingStatus::problem, std::move(what), std::move(fix), false};
}

Finding problem_of(std::string id, const Error& error, const std::string& fix) {
  return problem_finding(std::move(id), error.what(), error.hint().empty() ? fix : error.hint());
}

const std::string& agent_of(const RunOptions& run) {
  static const std::string usual = default_agent;
  return run.agent.empty() ? usual : run.agent;
}

const EngineReport* DoctorReport::chosen() const {
  const auto found =
      std::find_if(engines.begin(), engines.end(), [](const EngineReport& engine) { return engine.chosen; });
  return found == engines.end() ? nullptr : &*found;
}

bool DoctorReport::works() const {
  const EngineReport* engine = chosen();
  return engine != nullptr && engine->works() && !has_problem(*this);
}

DoctorReport examine(const Providers& providers, const DoctorOptions& options, StopSource& stop) {
  require_engine_name(providers, options.runtime);
  DoctorReport report;
  Findings of_project;
  Findings egress;
  const std::optional<Project> project = examine_folder(options, report, of_project);
  if (project) {
    for (Finding& finding : examine_mode(*project, report)) of_project.push_back(std::move(finding));
    egress = examine_allowlist(*project, options.run, report);
  }
  const Mode mode = report.mode ? report.mode->mode : Mode::contained;
  const std::vector<Reached> reached = examine_engines(providers, options, mode, stop, report);
  const auto chosen = std::find_if(reached.begin(), reached.end(),
                                   [&](const Reached& entry) { return report.engines[entry.report].chosen; });
  runtime::Engine* const engine = chosen == reached.end() ? nullptr : chosen->engine.get();
  Findings sessions = examine_sessions(reached, report);
  egress.insert(egress.begin(), std::make_move_iterator(sessions.begin()),
                std::make_move_iterator(sessions.end()));
  Findings proxy = examine_proxy(mode, stop);
  egress.insert(egress.begin(), std::make_move_iterator(proxy.begin()), std::make_move_iterator(proxy.end()));
  egress.insert(egress.begin(), examine_sidecar(engine, mode, stop));
  Findings images = examine_images(engine, options.run);
  Findings configuration = examine_configuration(project ? &*project : nullptr, options, report);
  for (Finding& finding : examine_tokens(options.run)) configuration.push_back(std::move(finding));
  for (Finding& finding : examine_overlays(agent_of(options.run)))
    configuration.push_back(std::move(finding));
  report.sections = {{"project", std::move(of_project)},
                     {"images", std::move(images)},
                     {"egress", std::move(egress)},
                     {"configuration", std::move(configuration)}};
  report.gaps = judge_gaps(report, options);
  Findings& last = report.sections.front().findings;
  if (engine != nullptr && report.works()) {
    last.push_back(examine_plan(*engine, options, stop));
  } else {
    last.push_back(
        {"plan", FindingStatus::not_checked, "a session's plan: a problem is in the way", "", true});
  }
  return report;
}

}  // namespace drydock::core
