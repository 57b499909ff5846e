#include "core/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "orchestration.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class Run : public Orchestration {
 protected:
  void SetUp() override {
    options.directory = directory.path() + "/demo";
    options.agent = "shell";
    options.image = "localhost/agent:1";
    options.command = {"true"};
    options.stdin_open = false;
    options.allow.hosts = {{"example.org"}};
    fresh_engine();
  }
  void fresh_engine() {
    Orchestration::fresh_engine();
    engine->image_map["localhost/agent:1"] = {};
    if (options.mode != Mode::dood) return;
    engine->info.rootless = false;
    engine->info.socket = "unix://" + socket();
    std::ofstream(socket()).close();
    fs::permissions(socket(), fs::perms(0666));
  }
  std::string socket() const { return directory.path() + "/engine.sock"; }
  RunResult run() { return execute_run(*engine, prepare_run(options), talk, stop, timings); }
  // A failure at each call in turn. Whatever call fails, nothing is left, but for what the failing removal
  // was to remove; then a warning says so.
  void enumerate_failures();

  RunOptions options;
};

void Run::enumerate_failures() {
  run();
  const std::size_t calls = engine->calls().size();
  ASSERT_GE(calls, 8U);
  expect_nothing_left("the run that worked");
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t number = 0; number < calls; ++number) {
      fresh_engine();
      fail_at(number, moment);
      talk.warned.clear();
      failed_call.clear();
      try {
        run();
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("cannot "));
      }
      const std::string when = std::to_string(number) + " " + failed_call;
      EXPECT_FALSE(failed_call.empty()) << when;
      if (failed_call.find(".remove ") != std::string::npos && moment == Moment::before) {
        EXPECT_THAT(engine->objects(), Contains(failed_call.substr(failed_call.find(' ') + 1))) << when;
        EXPECT_THAT(talk.warned, Contains(HasSubstr("told to fail"))) << when;
        EXPECT_THAT(talk.warned, Contains(HasSubstr("drydock gc"))) << when;
        EXPECT_THAT(session_folders(), SizeIs(1)) << "gc finds both: " << when;
        fs::remove_all(fs::path(session_directory("x")).parent_path());
      } else if (failed_call.find(".remove ") != std::string::npos) {
        EXPECT_THAT(engine->objects(), IsEmpty()) << when;
        fs::remove_all(fs::path(session_directory("x")).parent_path());
      } else {
        expect_nothing_left("call " + when);
      }
      engine->before = engine->after = nullptr;
    }
  }
}

TEST_F(Run, DoodEndsWithTheAgentsStatus) {
  options.mode = Mode::dood;
  fresh_engine();
  engine->agent_exit_code = 42;
  EXPECT_EQ(run().status, 42);
  expect_nothing_left("a run");
  EXPECT_THAT(talk.said, Contains(HasSubstr(": dood (--mode dood), podman")));
  EXPECT_THAT(talk.warned, ElementsAre(HasSubstr("is root on this machine, and no jail applies")));
  for (const std::string& call : engine->calls())
    EXPECT_THAT(call, testing::Not(StartsWith("networks.create")));
}

TEST_F(Run, DoodIsRefusedWhereOnlyRootMayUseTheSocket) {
  options.mode = Mode::dood;
  options.command = {"true"};
  fresh_engine();
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(socket().c_str(), 0, 0), 0);
  }
  fs::permissions(socket(), ::geteuid() == 0 ? fs::perms(0660) : fs::perms(0440));
  try {
    run();
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), HasSubstr("only root may use it"));
  }
  expect_nothing_left("the refusal");
}

TEST_F(Run, DoodLeavesNothingWhateverFails) {
  options.mode = Mode::dood;
  fresh_engine();
  enumerate_failures();
}

TEST_F(Run, AMissingImageIsTold) {
  options.image = "localhost/none";
  try {
    run();
    FAIL() << "ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_STREQ(error.what(), "cannot use image 'localhost/none': podman does not have it");
    EXPECT_THAT(error.hint(), HasSubstr("--pull missing"));
  }
  options.image.clear();
  try {
    run();
    FAIL() << "ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "make it with: drydock build --base bootstrap");
  }
  expect_nothing_left("a missing image");
}

TEST_F(Run, AnImageWithCheckpointAnnotationsIsRefused) {
  engine->image_map["localhost/agent:1"].annotations = {{"io.podman.annotations.checkpoint.name", "x"}};
  try {
    run();
    FAIL() << "ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), HasSubstr("io.podman.annotations.checkpoint.name"));
  }
  expect_nothing_left("a refused image");
}

TEST_F(Run, RootlessDockerIsRefused) {
  engine->info.engine = "docker";
  EXPECT_THROW(run(), Error);
  EXPECT_THAT(engine->calls(), ElementsAre("system.info"));
}

TEST_F(Run, AnEngineThatCannotKeepTheJailIsRefused) {
  const std::vector<std::pair<std::function<void(runtime::EngineInfo&)>, const char*>> faults{
      {[](auto& info) { info.network_backend = "cni"; }, "its network backend is cni"},
      {[](auto& info) { info.seccomp = false; }, "its containers get no seccomp filter here"}};
  for (const auto& [make, words] : faults) {
    fresh_engine();
    make(engine->info);
    try {
      run();
      FAIL() << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unsupported);
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
    EXPECT_THAT(engine->calls(), ElementsAre("system.info"));
  }
}

TEST_F(Run, ACommandThatCannotRunIsNamedAndLeavesNothing) {
  options.mode = Mode::dood;
  for (const auto& [kind, words] :
       {std::pair{ErrorKind::command_not_found,
                  "cannot run command 'true': it was not found in the container"},
        {ErrorKind::command_not_executable, "cannot run command 'true': it is not an executable file"}}) {
    for (const char* failing : {"containers.start", "containers.wait"}) {
      fresh_engine();
      engine->before = [&, kind = kind](const std::string& call, std::size_t) {
        if (call.find(failing) == 0) throw Error(kind, "cannot start it: runc: exec");
      };
      try {
        run();
        FAIL() << failing;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << failing;
        EXPECT_STREQ(error.what(), words) << failing;
        EXPECT_THAT(error.notes(), ElementsAre("cannot start it: runc: exec"));
      }
      expect_nothing_left(failing);
    }
  }
}

TEST_F(Run, LeftoversAreCollectedAndNeverFailALaunch) {
  options.mode = Mode::dood;
  fresh_engine();
  PlanRequest request = test::sample_request();
  request.owner.boot_id = "00000000-0000-4000-8000-000000000000";
  const Plan old = build_plan(request);
  engine->network_map[old.networks[0].name] = old.networks[0];
  EXPECT_EQ(run().status, 0);
  EXPECT_THAT(talk.said, Contains("collected session 0123abcd: it was never started"));
  expect_nothing_left("a run after a crash");
}

TEST_F(Run, WhatIsWrongIsSaidBeforeTheEngineIsAsked) {
  const std::vector<std::pair<std::function<void(RunOptions&)>, const char*>> faults{
      {[](auto& o) { o.directory = "/"; }, "cannot use project '/'"},
      {[](auto& o) { o.agent = "clod"; }, "cannot use agent 'clod'"},
      {[](auto& o) { o.allow.hosts = {{"https://example.org/"}}; }, "cannot use option '--allow': '"},
      {[](auto& o) { o.allow.hosts = {{""}}; }, "cannot use option '--allow': '"},
      {[](auto& o) { o.allow.hosts = {{"# example.org"}}; }, "cannot use option '--allow': '"},
      {[](auto& o) { o.allow.files = {{"/nonexistent/file"}}; }, "/nonexistent/file"},
      {[](auto& o) { o.workdir = "below"; }, "cannot use working folder 'below'"},
      {[](auto& o) { o.detach_keys = "hello"; }, "cannot use detach keys 'hello'"}};
  for (const auto& [make, words] : faults) {
    RunOptions wrong = options;
    make(wrong);
    try {
      prepare_run(wrong);
      FAIL() << words;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  }
}

TEST_F(Run, TheAllowlistIsBaselineFilesAndOptions) {
  std::ofstream(directory.path() + "/extra") << "extra.example\n";
  fs::create_directories(directory.path() + "/config/drydock");
  std::ofstream(directory.path() + "/config/drydock/egress-allowlist") << "user.example\n";
  std::ofstream(directory.path() + "/config/drydock/egress-allowlist-demo") << "project.example\n";
  options.agent = "claude";
  options.allow.files = {{directory.path() + "/extra"}};
  std::vector<std::string> hosts;
  const PreparedRun prepared = prepare_run(options);
  for (const Entry& entry : prepared.allowlist.entries()) hosts.push_back(entry.pattern.to_string());
  EXPECT_THAT(hosts, ElementsAre("api.anthropic.com", "user.example", "project.example", "extra.example",
                                 "example.org"));
}

TEST_F(Run, AnAgentIsNeverRoot) {
  if (::geteuid() != 0) {
    EXPECT_EQ(prepare_run(options).uid, ::geteuid());
    return;
  }
  EXPECT_EQ(prepare_run(options).uid, 1000U);
  for (const char* uid : {"0", "", "root", "-1", "4294967295"}) {
    environment.set("SUDO_UID", uid);
    EXPECT_THROW(prepare_run(options), Error) << uid;
  }
  ASSERT_EQ(::chown(options.directory.c_str(), 1234, 1235), 0);
  EXPECT_EQ(prepare_run(options).uid, 1234U);
  EXPECT_EQ(prepare_run(options).gid, 1235U);
}

// With a sidecar, whose image is made from this machine's tinyproxy.
class ContainedRun : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    if (!has_tinyproxy())
      GTEST_SKIP() << "the sidecar's image is made from tinyproxy, which is not installed";
  }
  void fresh_engine_with_sidecar() {
    fresh_engine();
    give_sidecar_image(*engine);
  }
};

TEST_F(ContainedRun, EndsWithTheAgentsStatusAndLeavesNothing) {
  fresh_engine_with_sidecar();
  engine->agent_exit_code = 7;
  EXPECT_EQ(run().status, 7);
  expect_nothing_left("a run");
  EXPECT_THAT(talk.said, Contains(HasSubstr(": contained (the default), podman, rootless, 1 host allowed")));
  const std::string gaps = "not closed here: (a) what allowed hosts take in, ";
  EXPECT_THAT(talk.said, Contains(testing::StartsWith(gaps)));
  EXPECT_THAT(talk.said, Contains(HasSubstr(", (n) files planted for your machine to run;")));
  EXPECT_THAT(talk.warned, IsEmpty());

  talk = {};
  options.project_read_only = true;
  EXPECT_EQ(run().status, 7);
  EXPECT_THAT(talk.said, Contains(testing::StartsWith(gaps)));
  EXPECT_THAT(talk.said, testing::Not(Contains(HasSubstr("(n) ")))) << "it plants nothing there";
}

TEST_F(ContainedRun, EachStepIsTimed) {
  fresh_engine_with_sidecar();
  run();
  timings.end();
  std::vector<std::string> names;
  for (const Timings::Step& step : timings.steps()) names.push_back(step.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"collect what was left", "look for the images", "plan",
                                            "make the networks", "wait for the sidecar", "start the agent",
                                            "the agent", "end the session"}));
}

TEST_F(ContainedRun, TellsWhatChangedOfWhatTheHostMayRun) {
  fresh_engine_with_sidecar();
  fs::create_directories(options.directory + "/.git/hooks");
  const auto mounts = plan_run(*engine, prepare_run(options), stop).agent.binds;
  EXPECT_THAT(mounts, Contains(runtime::BindMount{options.directory + "/.git/hooks",
                                                  options.directory + "/.git/hooks", true}));
  std::vector<std::string> at_start;
  engine->after = [&](const std::string& call, std::size_t) {
    if (call.find("containers.wait") != 0) return;
    at_start = talk.said;
    std::ofstream(options.directory + "/.envrc") << "x";
  };
  run();
  EXPECT_THAT(talk.said, Contains("  new: .envrc (direnv runs it)"));
  EXPECT_THAT(at_start, testing::Not(Contains("  new: .envrc (direnv runs it)")));
  talk.said.clear();
  engine->after = nullptr;
  run();
  EXPECT_THAT(talk.said, testing::Each(testing::Not(HasSubstr(".envrc"))));
  expect_nothing_left("a run");
}

TEST_F(ContainedRun, LeavesNothingWhateverFails) {
  fresh_engine_with_sidecar();
  run();
  const std::size_t calls = engine->calls().size();
  for (const Moment moment : {Moment::before, Moment::after}) {
    for (std::size_t number = 0; number < calls; ++number) {
      fresh_engine_with_sidecar();
      fail_at(number, moment);
      failed_call.clear();
      try {
        run();
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("cannot "));
      }
      const bool removal = failed_call.find(".remove ") != std::string::npos;
      if (!removal) expect_nothing_left("call " + std::to_string(number) + " " + failed_call);
      fs::remove_all(fs::path(session_directory("x")).parent_path());
    }
  }
}

TEST_F(ContainedRun, ASubnetThatWasTakenMeanwhileIsPlannedAround) {
  fresh_engine_with_sidecar();
  int conflicts = 0;
  engine->before = [&](const std::string& call, std::size_t) {
    if (call.find("networks.create drydock_egress") == 0 && ++conflicts <= 3)
      throw Error(ErrorKind::conflict, "cannot create network: the subnet is in use");
  };
  EXPECT_EQ(run().status, 0);
  EXPECT_EQ(conflicts, 4);
  expect_nothing_left("a run after conflicts");
  conflicts = -100;
  EXPECT_THROW(run(), Error) << "not for ever";
  expect_nothing_left("conflicts only");
}

TEST_F(ContainedRun, ADetachedSessionStays) {
  fresh_engine_with_sidecar();
  engine->agent_ends_at_once = false;
  options.detach = true;
  const RunResult result = run();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(engine->objects(), SizeIs(4));
  const auto sessions = find_sessions(*engine);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].id, result.session);
  EXPECT_TRUE(sessions[0].detached);
  EXPECT_EQ(collectable(sessions[0]), std::nullopt);
}

TEST_F(ContainedRun, ASignalWhileItRunsEndsItAndIsTheStatus) {
  fresh_engine_with_sidecar();
  engine->agent_ends_at_once = false;
  engine->after = [&](const std::string& call, std::size_t) {
    if (call.find("containers.inspect drydock-demo-") == 0 && call.find("-egress") == std::string::npos &&
        call.find("-probe") == std::string::npos &&
        engine->container_map.begin()->second.state == runtime::ContainerState::running)
      stop.request(SIGTERM);
  };
  EXPECT_EQ(run().status, 128 + SIGTERM);
  EXPECT_THAT(engine->calls(), Contains(StartsWith("containers.stop drydock-demo-")));
  expect_nothing_left("a signal");
}

TEST_F(ContainedRun, ASignalIsTheStatusEvenWhenTheEngineCannotStopTheAgent) {
  fresh_engine_with_sidecar();
  engine->agent_ends_at_once = false;
  engine->before = [&](const std::string& call, std::size_t) {
    if (call.find("containers.stop") == 0) throw Error(ErrorKind::engine, "cannot stop it: busy");
  };
  engine->after = [&](const std::string& call, std::size_t) {
    if (call.find("containers.inspect drydock-demo-") == 0 && call.find("-egress") == std::string::npos &&
        call.find("-probe") == std::string::npos &&
        engine->container_map.begin()->second.state == runtime::ContainerState::running)
      stop.request(SIGINT);
  };
  EXPECT_EQ(run().status, 128 + SIGINT);
  expect_nothing_left("a signal and a failure");
}

TEST_F(ContainedRun, ADryRunTouchesNothing) {
  fresh_engine_with_sidecar();
  const Plan plan = plan_run(*engine, prepare_run(options), stop);
  EXPECT_EQ(plan.mode, Mode::contained);
  expect_nothing_left("a dry run");
  for (const std::string& call : engine->calls()) {
    EXPECT_THAT(call,
                testing::AnyOf(StartsWith("system.info"), StartsWith("images.inspect"), "networks.list"));
  }
}

}  // namespace
}  // namespace drydock::core
