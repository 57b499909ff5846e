#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/json.hpp"
#include "core/canary.hpp"
#include "core/session.hpp"
#include "orchestration.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Launch : public Orchestration {
 protected:
  static Plan plan() {
    PlanRequest request = test::sample_request();
    request.sidecar_directory = session_directory(request.session) + "/sidecar";
    request.hosts_file = session_directory(request.session) + "/hosts";
    return build_plan(request);
  }
};

TEST_F(Launch, MakesReadsBackAndStartsInOrder) {
  const Plan made = plan();
  Session session(*engine, made, stop);
  session.launch();
  EXPECT_THAT(
      engine->calls(),
      ElementsAre(
          "networks.create drydock_internal_0123abcd", "networks.inspect drydock_internal_0123abcd",
          "networks.create drydock_egress_0123abcd", "networks.inspect drydock_egress_0123abcd",
          "containers.create drydock-demo-0123abcd-probe", "containers.inspect drydock-demo-0123abcd-probe",
          "containers.attach drydock-demo-0123abcd-probe", "containers.start drydock-demo-0123abcd-probe",
          "containers.create drydock-demo-0123abcd-egress", "containers.inspect drydock-demo-0123abcd-egress",
          "containers.attach drydock-demo-0123abcd-egress", "containers.start drydock-demo-0123abcd-egress",
          "containers.create drydock-demo-0123abcd", "containers.inspect drydock-demo-0123abcd",
          "containers.inspect drydock-demo-0123abcd-egress", "containers.remove drydock-demo-0123abcd-probe"))
      << "the engine starts what is before the agent while the agent's container is made";
  const std::string folder = session_directory("0123abcd");
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all) << "others cannot get at the filter";
  EXPECT_EQ(fs::status(folder + "/sidecar").permissions() & fs::perms::others_all,
            fs::perms::others_read | fs::perms::others_exec);
  std::ifstream filter(folder + "/sidecar/filter");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(filter), {}), made.filter);
  EXPECT_EQ(engine->container_map.at("drydock-demo-0123abcd").state, runtime::ContainerState::created)
      << "the agent starts after the sidecar listens, and not by itself";
  EXPECT_THAT(session.remove(), IsEmpty());
  expect_nothing_left("after the removal");
}

TEST_F(Launch, LeavesNothingWhateverFails) {
  std::size_t calls = 0;
  {
    const Plan made = plan();
    Session session(*engine, made, stop);
    session.launch();
    calls = engine->calls().size();
    session.remove();
  }
  ASSERT_GE(calls, 16U);
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t number = 0; number < calls; ++number) {
      fresh_engine();
      fail_at(number, moment);
      const Plan made = plan();
      Session session(*engine, made, stop);
      const std::string when =
          std::to_string(number) + (moment == Moment::before ? " before" : " after its effect");
      try {
        session.launch();
        ADD_FAILURE() << "went on after a failure, call " << when;
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("told to fail")) << when;
      }
      expect_nothing_left("call " + when + ": " + failed_call);
    }
  }
}

TEST_F(Launch, LeavesNothingWheneverASignalComes) {
  for (std::size_t number = 0; number < 16; ++number) {
    fresh_engine();
    engine->after = [&](const std::string&, std::size_t at) {
      if (at != number) return;
      stop.request(SIGINT);
      throw Interrupted(SIGINT);  // as every call of a real engine does
    };
    const Plan made = plan();
    Session session(*engine, made, stop);
    EXPECT_THROW(session.launch(), Interrupted) << number;
    EXPECT_FALSE(stop.requested()) << "the removal must not be stopped as well";
    expect_nothing_left("signal at call " + std::to_string(number));
  }
}

TEST_F(Launch, RefusesBehindAWallThatDoesNotHold) {
  const auto report = [](const std::string& hole) {
    Json checks = Json::array();
    for (const std::string& name : canary_checks())
      checks.push_back({{"name", name}, {"expected", "403"}, {"got", "200"}, {"ok", name != hole}});
    return Json{{"event", "probe"}, {"checks", checks}}.dump() + "\n";
  };
  std::vector<std::pair<std::string, std::string>> outputs{{"nonsense\n", "did not report"},
                                                           {"{\"checks\":[]}\n", "did not make the checks"},
                                                           {"{\"checks\":[1,2,3,4]}\n", "not an object"}};
  for (const std::string& name : canary_checks())
    outputs.emplace_back(report(name), name + " should be '403' and is '200'");
  for (const auto& [output, words] : outputs) {
    fresh_engine();
    engine->probe_output = output;
    const Plan made = plan();
    Session session(*engine, made, stop);
    try {
      session.launch();
      ADD_FAILURE() << "went on after " << output;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
    expect_nothing_left(output);
  }
  fresh_engine();
  engine->probe_output = report("");
  const Plan made = plan();
  Session session(*engine, made, stop);
  EXPECT_NO_THROW(session.launch()) << "the control";
  session.remove();
}

TEST_F(Launch, TrustsNoEngineThatMadeSomethingElse) {
  const std::vector<std::function<void(test::FakeEngine&)>> lies{
      [](auto& e) { e.alter_network = [](auto& report) { report.internal = false; }; },
      [](auto& e) { e.alter_network = [](auto& report) { report.ipv6 = true; }; },
      [](auto& e) { e.alter_container = [](auto& report) { report.privileged = true; }; },
      [](auto& e) { e.alter_container = [](auto& report) {
                      report.networks.push_back({"bridge", {}});
                    }; },
      [](auto& e) {
        e.alter_container = [](auto& report) { report.bounding_capabilities.emplace_back("SYS_ADMIN"); };
      },
      [](auto& e) {  // wrong only once it runs
        e.alter_container = [](auto& report) {
          if (report.state == runtime::ContainerState::running) report.networks[0].address.value += 1;
        };
      }};
  for (const auto& lie : lies) {
    fresh_engine();
    lie(*engine);
    const Plan made = plan();
    Session session(*engine, made, stop);
    try {
      session.launch();
      ADD_FAILURE() << "trusted it";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      EXPECT_THAT(error.what(), StartsWith("cannot trust "));
    }
    expect_nothing_left("a lie");
    EXPECT_THAT(engine->calls(), testing::Not(Contains("containers.start drydock-demo-0123abcd")));
  }
}

TEST_F(Launch, ASidecarThatEndsMeansNoSession) {
  engine->sidecar_output = "child: could not bind to address\n";
  engine->after = [&](const std::string& call, std::size_t) {
    if (call == "containers.start drydock-demo-0123abcd-egress") {
      auto& sidecar = engine->container_map.at("drydock-demo-0123abcd-egress");
      ::close(sidecar.output);
      sidecar.output = -1;
    }
  };
  const Plan made = plan();
  Session session(*engine, made, stop);
  try {
    session.launch();
    FAIL() << "without a proxy";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("cannot start sidecar 'drydock-demo-0123abcd-egress': it ended at once"));
    EXPECT_THAT(error.what(), HasSubstr("its last words: child: could not bind to address"));
  }
  expect_nothing_left("a dead sidecar");
}

TEST_F(Launch, AnAgentThatRunsOtherwiseThanPlannedIsNotKept) {
  engine->agent_ends_at_once = false;
  const Plan made = plan();
  Session session(*engine, made, stop);
  session.launch();
  engine->alter_container = [](auto& report) { report.host_network = true; };
  EXPECT_THROW(session.start_attached(false), Error);
}

TEST_F(Launch, AGuardThatIsSomethingElseThanWasLookedAtIsNotTrusted) {
  const std::string hooks = directory.path() + "/demo/.git/hooks";
  fs::create_directories(hooks);
  PlanRequest request = test::sample_request();
  request.sidecar_directory = session_directory(request.session) + "/sidecar";
  request.hosts_file = session_directory(request.session) + "/hosts";
  request.project.path = directory.path() + "/demo";
  request.git = find_git_guards(request.project.path, [](const std::string&) { return false; });
  const Plan made = build_plan(request);
  ASSERT_EQ(made.guards.size(), 2U);
  engine->agent_ends_at_once = false;
  engine->alter_container = [&](auto& report) {
    if (report.name == made.agent.name) report.pid = ::getpid();
  };
  Session session(*engine, made, stop);
  session.launch();
  EXPECT_NO_THROW(session.start_detached()) << "the control";
  fs::rename(hooks, hooks + ".old");
  fs::create_directory(hooks);
  try {
    session.start_detached();
    FAIL() << "trusted it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), HasSubstr(".git/hooks' is not what was looked at"));
  }
  session.remove();
}

TEST_F(Launch, AMaskThatIsNotInItsPlaceIsNotTrusted) {
  PlanRequest request = test::sample_request();
  request.sidecar_directory = session_directory(request.session) + "/sidecar";
  request.hosts_file = session_directory(request.session) + "/hosts";
  request.mask_directory = session_directory(request.session) + "/masks";
  request.project.path = directory.path() + "/demo";
  request.git = {};
  const std::string secret = request.project.path + "/secret";
  fs::create_directories(request.project.path);
  request.view.masks = {{secret, false}};
  const Plan made = build_plan(request);
  engine->agent_ends_at_once = false;
  engine->alter_container = [&](auto& report) {
    if (report.name == made.agent.name) report.pid = ::getpid();
  };
  Session session(*engine, made, stop);
  session.launch();
  // This process stands in for the agent: what it sees there is the empty file, and then it is another.
  fs::create_symlink(made.mask_directory + "/file", secret);
  EXPECT_NO_THROW(session.start_detached()) << "the control";
  fs::remove(secret);
  std::ofstream(secret) << "to be hidden";
  try {
    session.start_detached();
    FAIL() << "trusted it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), HasSubstr("/demo/secret' is not what was looked at"));
  }
  session.remove();
}

}  // namespace
}  // namespace drydock::core
