// drydock doctor on an engine in memory and on a machine that is a folder: what is wrong there, and how it is
// mended.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "../core/orchestration.hpp"
#include "core/agent_image.hpp"
#include "core/bootstrap.hpp"
#include "core/doctor.hpp"
#include "core/sidecar_image.hpp"
#include "machine.hpp"
#include "podman/examine.hpp"

namespace drydock::core {

// Podman in memory, on a machine that is a folder.
class FakePodman : public runtime::EngineProvider {
 public:
  std::string name() const override { return "podman"; }
  bool present() const override { return true; }
  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions&) const override {
    if (failure) throw *failure;
    auto engine = std::make_unique<test::FakeEngine>();
    engine->info.components = {{"podman", "6.2.0"}, {"crun", "crun version 1.30"}};
    engine->info.oci_runtime = "crun";
    engine->info.storage_driver = "overlay";
    engine->image_map = images;
    if (alter) alter(*engine);
    return engine;
  }
  std::vector<std::string> programs() const override { return podman::examined_programs(); }
  runtime::Findings judge(const runtime::HostFacts& host, const runtime::EngineInfo* info) const override {
    runtime::HostFacts facts = host;
    // Only root can make a program that runs as root.
    for (const char* program : {"newuidmap", "newgidmap"}) {
      if (facts.programs.count(program) != 0) facts.programs.at(program).privileged = true;
    }
    return podman::examine(facts, info);
  }

  std::map<std::string, runtime::ImageReport> images;
  std::optional<Error> failure;
  std::function<void(test::FakeEngine&)> alter;
};

class Doctor : public Orchestration {
 protected:
  void SetUp() override {
    if (!has_tinyproxy())
      GTEST_SKIP() << "the sidecar's image is made from tinyproxy, which is not installed";
    auto provider = std::make_unique<FakePodman>();
    podman = provider.get();
    give_sidecar_image(*engine);
    podman->images = engine->image_map;
    podman->images[base_image_reference()].id = "sha256:base";
    podman->images[agent_image_reference(default_agent)].labels = {{image_packages_label, "the-agent 1.2"}};
    providers.push_back(std::move(provider));
    environment.set("DOCKER_HOST", std::nullopt);
    options.runtime = "podman";
    options.directory = directory.path() + "/demo";
    options.host = machine.place();
    options.machine_config = directory.path() + "/machine";
    config = directory.path() + "/config/drydock";
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(config + "/" + name).parent_path());
    std::ofstream(config + "/" + name) << text;
  }
  DoctorReport examine() {
    DoctorReport report = core::examine(providers, options, stop);
    for (const runtime::Finding& finding : findings_of(report)) {
      const bool wrong = finding.status == runtime::FindingStatus::problem ||
                         finding.status == runtime::FindingStatus::warning;
      EXPECT_FALSE(wrong && finding.fix.empty()) << finding.what;
      EXPECT_EQ(finding.fix.find('\n'), std::string::npos) << finding.fix;
    }
    return report;
  }
  static runtime::Findings findings_of(const DoctorReport& report) {
    runtime::Findings all;
    for (const auto& entry : report.engines)
      all.insert(all.end(), entry.findings.begin(), entry.findings.end());
    for (const auto& section : report.sections)
      all.insert(all.end(), section.findings.begin(), section.findings.end());
    return all;
  }
  static std::string told(const DoctorReport& report, runtime::FindingStatus status) {
    std::string text;
    for (const runtime::Finding& finding : findings_of(report)) {
      if (finding.status == status) text += finding.id + ": " + finding.what + " => " + finding.fix + "\n";
    }
    return text;
  }
  // It is the only thing that is wrong, and it has this way out.
  void expect_problem(const std::string& id, const std::string& what, const std::string& fix) {
    const DoctorReport report = examine();
    EXPECT_FALSE(report.works()) << what;
    const std::string problems = told(report, runtime::FindingStatus::problem);
    EXPECT_THAT(problems, testing::StartsWith(id + ": ")) << what;
    EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 1) << problems;
    EXPECT_THAT(problems, testing::HasSubstr(what));
    EXPECT_THAT(problems.substr(problems.find(" => ")), testing::HasSubstr(fix));
  }
  void expect_warning(const std::string& id, const std::string& what, const std::string& fix) {
    const DoctorReport report = examine();
    EXPECT_TRUE(report.works()) << told(report, runtime::FindingStatus::problem);
    const std::string warnings = told(report, runtime::FindingStatus::warning);
    EXPECT_THAT(warnings, testing::StartsWith(id + ": ")) << what;
    EXPECT_THAT(warnings, testing::HasSubstr(what));
    EXPECT_THAT(warnings, testing::HasSubstr(fix));
  }

  test::Machine machine;
  FakePodman* podman = nullptr;
  Providers providers;
  DoctorOptions options;
  std::string config;
};

}  // namespace drydock::core
