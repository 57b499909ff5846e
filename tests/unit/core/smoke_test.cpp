#include "core/smoke.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "core/subnets.hpp"
#include "orchestration.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

// What the probe would print with a hole behind each of these checks.
std::string report(const std::vector<std::string>& holes) {
  Json checks = Json::array();
  for (const std::string& name : all_wall_checks()) {
    const bool ok = std::find(holes.begin(), holes.end(), name) == holes.end();
    checks.push_back({{"name", name}, {"expected", "shut"}, {"got", ok ? "shut" : "open"}, {"ok", ok}});
  }
  return Json{{"event", "probe"}, {"checks", checks}}.dump() + "\n";
}

class Smoke : public Orchestration {
 protected:
  void SetUp() override {
    if (!has_tinyproxy())
      GTEST_SKIP() << "the sidecar's image is made from tinyproxy, which is not installed";
    fresh_engine();
  }
  void fresh_engine() {
    Orchestration::fresh_engine();
    give_sidecar_image(*engine);
  }
  SmokeResult check() { return check_jail(*engine, *runtime::Cidr::parse(default_subnet_pool), talk, stop); }
  // How many calls a check makes until it takes the jail down again.
  std::size_t calls_to_the_end() {
    fresh_engine();
    const std::string agent = "containers.remove drydock-smoke-" + check().session;
    const auto& calls = engine->calls();
    return static_cast<std::size_t>(std::find(calls.begin(), calls.end(), agent) - calls.begin());
  }
};

TEST_F(Smoke, PutsUpTheJailWithoutAnAgentAndTakesItDown) {
  std::vector<runtime::ContainerSpec> made;
  engine->after = [&](const std::string& call, std::size_t) {
    const std::string create = "containers.create ";
    if (call.compare(0, create.size(), create) == 0)
      made.push_back(engine->container_map.at(call.substr(create.size())).spec);
  };
  const SmokeResult result = check();
  EXPECT_EQ(result.status(), 0);
  EXPECT_EQ(result.holding(), all_wall_checks().size());
  EXPECT_TRUE(result.removed);
  expect_nothing_left("a check");
  ASSERT_THAT(made, SizeIs(2)) << "the sidecar and the probe";
  EXPECT_EQ(made[0].name, "drydock-smoke-" + result.session + "-probe");
  EXPECT_EQ(made[1].name, "drydock-smoke-" + result.session + "-egress");
  EXPECT_THAT(made[0].binds, IsEmpty());
  ASSERT_THAT(made[1].binds, SizeIs(1)) << "its own configuration (INV-1)";
  EXPECT_EQ(made[1].binds.front().source, session_directory(result.session) + "/sidecar");
  EXPECT_THAT(engine->calls(), Contains("networks.inspect drydock_internal_" + result.session));
  EXPECT_THAT(engine->calls(), Contains("containers.inspect " + made[0].name)) << "it is read back";
  EXPECT_THAT(talk.warned, IsEmpty());
}

TEST_F(Smoke, AnyCheckThatDoesNotHoldIsStatus1) {
  for (const std::string& hole : all_wall_checks()) {
    fresh_engine();
    engine->probe_output = report({hole});
    const SmokeResult result = check();
    EXPECT_EQ(result.status(), 1) << hole;
    EXPECT_EQ(result.holding(), all_wall_checks().size() - 1) << hole;
    for (const WallCheck& entry : result.checks) EXPECT_EQ(entry.ok, entry.name != hole);
    EXPECT_EQ(to_json(result)["holds"], false);
    expect_nothing_left(hole);
  }
  fresh_engine();
  engine->probe_output = report({});
  EXPECT_EQ(check().status(), 0) << "the control";
}

TEST_F(Smoke, AReportThatIsNoneIsAnErrorAndNotAResult) {
  for (const char* output : {"nonsense\n", "{\"checks\":[]}\n"}) {
    fresh_engine();
    engine->probe_output = output;
    EXPECT_THROW(check(), Error) << output;
    expect_nothing_left(output);
  }
}

TEST_F(Smoke, LeavesNothingWhateverFails) {
  check();
  const std::size_t calls = engine->calls().size();
  ASSERT_GE(calls, 16U);
  // Before the image is looked at, what is left of others is collected, and that fails nothing.
  const auto image = std::find_if(engine->calls().begin(), engine->calls().end(),
                                  [](const std::string& call) { return call.find("images.inspect") == 0; });
  const auto begin = static_cast<std::size_t>(image - engine->calls().begin());
  const std::size_t end = calls_to_the_end();
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t number = 0; number < calls; ++number) {
      fresh_engine();
      fail_at(number, moment);
      failed_call.clear();
      talk.warned.clear();
      const std::string when = "call " + std::to_string(number);
      try {
        const SmokeResult result = check();
        EXPECT_TRUE(number >= end || (number > 0 && number < begin)) << when << " " << failed_call;
        EXPECT_EQ(result.status(), number >= end ? 125 : 0) << when << " " << failed_call;
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("told to fail")) << when;
        EXPECT_LT(number, end) << when;
      }
      EXPECT_FALSE(failed_call.empty()) << when;
      if (number >= end) {
        EXPECT_THAT(talk.warned, Contains(HasSubstr("drydock gc"))) << when;
        EXPECT_THAT(session_folders(), SizeIs(1)) << "gc finds both: " << when;
        fs::remove_all(fs::path(session_directory("x")).parent_path());
      } else {
        expect_nothing_left(when + " " + failed_call);
      }
    }
  }
}

TEST_F(Smoke, LeavesNothingWheneverASignalComes) {
  const std::size_t end = calls_to_the_end();
  for (std::size_t number = 0; number < end; ++number) {
    fresh_engine();
    engine->after = [&](const std::string&, std::size_t at) {
      if (at != number) return;
      stop.request(SIGTERM);
      throw Interrupted(SIGTERM);  // as every call of a real engine does
    };
    EXPECT_THROW(check(), Interrupted) << number;
    stop.acknowledge();
    expect_nothing_left("signal at call " + std::to_string(number));
  }
}

TEST_F(Smoke, TrustsNoEngineThatMadeSomethingElse) {
  engine->alter_network = [](auto& network) { network.internal = false; };
  try {
    check();
    FAIL() << "trusted it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), StartsWith("cannot trust network"));
  }
  expect_nothing_left("a lie");
}

TEST_F(Smoke, AnEngineThatCannotKeepTheJailIsRefused) {
  const std::vector<std::function<void(runtime::EngineInfo&)>> faults{
      [](auto& info) { info.network_backend = "cni"; }, [](auto& info) { info.seccomp = false; },
      [](auto& info) { info.engine = "docker"; }};
  for (const auto& make : faults) {
    fresh_engine();
    make(engine->info);
    EXPECT_THROW(check(), Error);
    EXPECT_THAT(engine->calls(), ElementsAre("system.info"));
  }
}

TEST_F(Smoke, ASubnetThatWasTakenMeanwhileIsPlannedAround) {
  int conflicts = 0;
  engine->before = [&](const std::string& call, std::size_t) {
    if (call.find("networks.create drydock_egress") == 0 && ++conflicts <= 3)
      throw Error(ErrorKind::conflict, "cannot create network: it overlaps");
  };
  EXPECT_EQ(check().status(), 0);
  EXPECT_EQ(conflicts, 4);
  expect_nothing_left("conflicts");
}

TEST_F(Smoke, WhatItMakesIsOfASessionAndHasNoProject) {
  std::vector<runtime::Labels> labels;
  engine->after = [&](const std::string& call, std::size_t) {
    if (call.find("containers.start") != 0) return;
    for (const auto& [name, network] : engine->network_map) labels.push_back(network.labels);
    for (const auto& [name, container] : engine->container_map) labels.push_back(container.spec.labels);
  };
  const SmokeResult result = check();
  EXPECT_THAT(labels, Not(IsEmpty()));
  EXPECT_THAT(labels, Each(AllOf(Contains(testing::Pair("io.drydock.session", result.session)),
                                 Contains(testing::Pair("io.drydock.project", "")),
                                 Contains(testing::Pair("io.drydock.agent", "smoke")))));
}

}  // namespace
}  // namespace drydock::core
