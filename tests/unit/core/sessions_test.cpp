#include "core/sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ctime>

#include <filesystem>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

using runtime::ContainerState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() {
    environment.set("XDG_RUNTIME_DIR", directory.path());
    environment.set("XDG_STATE_HOME", directory.path() + "/state");
  }

  static Owner dead_owner() {
    Owner owner = Owner::self();
    owner.boot_id = "00000000-0000-4000-8000-000000000000";
    return owner;
  }
  static Owner unknown_owner() {
    Owner owner = Owner::self();
    owner.pid_namespace = "pid:[1]";
    return owner;
  }
  // All of a session's objects and its folder.
  Plan add(const std::string& id, const Owner& owner, ContainerState agent, bool detached = false) {
    PlanRequest request = test::sample_request();
    request.session = id;
    request.owner = owner;
    request.detached = detached;
    request.label_name.clear();
    request.created = "2024-05-06T07:08:0" + std::to_string(count_++) + "Z";
    request.sidecar_directory = session_directory(id) + "/sidecar";
    const Plan plan = build_plan(request);
    for (const auto& network : plan.networks) engine.network_map[network.name] = network;
    engine.container_map[plan.sidecar->name].spec = *plan.sidecar;
    engine.container_map[plan.agent.name].spec = plan.agent;
    engine.container_map[plan.agent.name].state = agent;
    make_session_directory(id, engine_key(test::FakeEngine().info), owner);
    return plan;
  }
  static bool has_directory(const std::string& id) { return std::filesystem::exists(session_directory(id)); }
  std::vector<std::string> collected(bool dry_run = false) {
    std::vector<std::string> ids;
    for (const Collected& entry : collect_garbage(engine, dry_run)) {
      ids.push_back(entry.session.id + ": " + entry.reason);
      EXPECT_THAT(entry.failures, IsEmpty());
    }
    return ids;
  }

  TempDir directory;
  test::Environment environment;
  test::FakeEngine engine;

 private:
  int count_ = 0;
};

TEST_F(SessionsTest, ArePutTogetherFromTheirObjects) {
  add("00000001", Owner::self(), ContainerState::running);
  add("00000002", Owner::self(), ContainerState::exited, true);
  const auto sessions = find_sessions(engine);
  ASSERT_THAT(sessions, SizeIs(2));
  const SessionRecord& newest = sessions[0];
  EXPECT_EQ(newest.id, "00000002");
  EXPECT_TRUE(newest.detached);
  EXPECT_EQ(newest.agent_state, ContainerState::exited);
  const SessionRecord& first = sessions[1];
  EXPECT_EQ(first.id, "00000001");
  EXPECT_EQ(first.name, "drydock-demo-00000001");
  EXPECT_EQ(first.project, "/srv/projects/demo");
  EXPECT_EQ(first.agent, "shell");
  EXPECT_EQ(first.mode, "contained");
  EXPECT_EQ(first.runtime, "podman");
  EXPECT_EQ(first.image, "localhost/agent:1");
  EXPECT_EQ(first.created, 1714979280);
  EXPECT_FALSE(first.detached);
  EXPECT_THAT(first.agents, ElementsAre("drydock-demo-00000001"));
  EXPECT_THAT(first.sidecars, ElementsAre("drydock-demo-00000001-egress"));
  EXPECT_THAT(first.networks, ElementsAre("drydock_egress_00000001", "drydock_internal_00000001"));
  ASSERT_TRUE(first.owner);
  EXPECT_EQ(first.owner->pid, ::getpid());
}

TEST_F(SessionsTest, WhatHasNoSessionLabelIsNotOurs) {
  engine.container_map["theirs"].spec.name = "drydock-demo-00000009";
  engine.network_map["drydock_internal_00000009"] = {};
  for (const char* id : {"", "0000000", "000000011", "0000000g", "../../etc", "0000000A"}) {
    auto& spec = engine.container_map["theirs"].spec;
    Owner::self().write_to(spec.labels);
    spec.labels["io.drydock.session"] = id;
    EXPECT_THAT(find_sessions(engine), IsEmpty()) << id;
  }
  EXPECT_THAT(collected(), IsEmpty());
  EXPECT_THAT(engine.objects(), SizeIs(2));
}

TEST_F(SessionsTest, OfAnotherUserAreSeenByRootOnly) {
  Owner owner = Owner::self();
  owner.uid = ::geteuid() + 1;
  add("00000001", owner, ContainerState::running);
  EXPECT_THAT(find_sessions(engine), SizeIs(::geteuid() == 0 ? 1 : 0));
}

TEST_F(SessionsTest, TheNameIsTheUsersIfThereIsOne) {
  const Plan plan = add("00000001", Owner::self(), ContainerState::running);
  for (auto& [name, container] : engine.container_map) container.spec.labels["io.drydock.name"] = "night";
  EXPECT_EQ(find_sessions(engine).at(0).name, "night");
}

TEST_F(SessionsTest, RemovalGoesAgentSidecarNetworksFolder) {
  add("00000001", Owner::self(), ContainerState::running);
  const auto sessions = find_sessions(engine);
  engine.forget_calls();
  EXPECT_THAT(remove_session(engine, sessions.at(0)), IsEmpty());
  EXPECT_THAT(
      engine.calls(),
      ElementsAre("containers.remove drydock-demo-00000001", "containers.stop drydock-demo-00000001-egress",
                  "containers.read_log drydock-demo-00000001-egress",
                  "containers.remove drydock-demo-00000001-egress", "networks.remove drydock_egress_00000001",
                  "networks.remove drydock_internal_00000001"));
  EXPECT_THAT(engine.objects(), IsEmpty());
  EXPECT_FALSE(has_directory("00000001"));
}

TEST_F(SessionsTest, RemovalGoesOnAfterAFailureAndKeepsTheFolder) {
  add("00000001", Owner::self(), ContainerState::running);
  const auto sessions = find_sessions(engine);
  engine.before = [](const std::string& call, std::size_t) {
    if (call == "containers.remove drydock-demo-00000001")
      throw Error(ErrorKind::engine, "cannot remove it: device busy");
  };
  const auto failures = remove_session(engine, sessions.at(0));
  EXPECT_EQ(failures.front(), "cannot remove it: device busy");
  EXPECT_THAT(engine.objects(), ElementsAre("drydock-demo-00000001", "drydock_internal_00000001"));
  EXPECT_TRUE(has_directory("00000001"));
  // The next one finds what is left.
  engine.before = nullptr;
  EXPECT_THAT(remove_session(engine, find_sessions(engine).at(0)), IsEmpty());
  EXPECT_THAT(engine.objects(), IsEmpty());
  EXPECT_FALSE(has_directory("00000001"));
}

struct Case {
  const char* name;
  const char* owner;  // alive, dead, unknown, none
  std::optional<ContainerState> agent;
  bool detached;
  const char* reason;  // nullptr: stays
};

void PrintTo(const Case& value, std::ostream* stream) { *stream << value.name; }

class Collectable : public testing::TestWithParam<Case> {};

TEST_P(Collectable, IsWhatCannotComeBack) {
  SessionRecord session;
  const std::string_view owner = GetParam().owner;
  if (owner != "none") session.owner = Owner::self();
  if (owner == "dead") session.owner->boot_id = "00000000-0000-4000-8000-000000000000";
  if (owner == "unknown") session.owner->pid_namespace = "pid:[1]";
  session.agent_state = GetParam().agent;
  session.detached = GetParam().detached;
  const auto reason = collectable(session);
  EXPECT_EQ(reason.value_or("stays"), GetParam().reason == nullptr ? "stays" : GetParam().reason);
}

// A clock that is set, forwards or back, says nothing about who lives.
TEST(CollectableClock, DoesNotGoByTheClock) {
  constexpr std::int64_t century = 100LL * 365 * 24 * 3600;
  const std::int64_t now = std::time(nullptr);
  for (const std::int64_t created : {std::int64_t{0}, std::int64_t{1}, now - century, now + century}) {
    SessionRecord session;
    session.owner = Owner::self();
    session.created = created;
    for (const auto state : {ContainerState::created, ContainerState::running, ContainerState::exited}) {
      session.agent_state = state;
      EXPECT_EQ(collectable(session), std::nullopt) << created;
    }
    session.owner->boot_id = "00000000-0000-4000-8000-000000000000";
    session.agent_state = ContainerState::running;
    EXPECT_NE(collectable(session), std::nullopt) << "the control: its owner is dead, created " << created;
    session.detached = true;
    EXPECT_EQ(collectable(session), std::nullopt) << created;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Collectable,
    testing::Values(
        Case{"alive_running", "alive", ContainerState::running, false, nullptr},
        Case{"alive_created", "alive", ContainerState::created, false, nullptr},
        Case{"alive_ended", "alive", ContainerState::exited, false, nullptr},
        Case{"alive_nothing", "alive", std::nullopt, false, nullptr},
        Case{"alive_detached_ended", "alive", ContainerState::exited, true, "its agent has ended"},
        Case{"alive_detached_running", "alive", ContainerState::running, true, nullptr},
        Case{"alive_detached_created", "alive", ContainerState::created, true, nullptr},
        Case{"dead_running", "dead", ContainerState::running, false, "the drydock that kept it is gone"},
        Case{"dead_paused", "dead", ContainerState::paused, false, "the drydock that kept it is gone"},
        Case{"dead_ended", "dead", ContainerState::exited, false, "its agent has ended"},
        Case{"dead_created", "dead", ContainerState::created, false, "it was never started"},
        Case{"dead_nothing", "dead", std::nullopt, false, "it was never started"},
        Case{"dead_detached_running", "dead", ContainerState::running, true, nullptr},
        Case{"dead_detached_paused", "dead", ContainerState::paused, true, nullptr},
        Case{"dead_detached_ended", "dead", ContainerState::exited, true, "its agent has ended"},
        Case{"dead_detached_created", "dead", ContainerState::created, true, "it was never started"},
        Case{"unknown_running", "unknown", ContainerState::running, false, nullptr},
        Case{"unknown_ended", "unknown", ContainerState::exited, false, nullptr},
        Case{"unknown_detached_ended", "unknown", ContainerState::exited, true, "its agent has ended"},
        Case{"no_owner_running", "none", ContainerState::running, false, nullptr},
        Case{"no_owner_nothing", "none", std::nullopt, false, nullptr}),
    [](const auto& test) { return test.param.name; });

TEST_F(SessionsTest, GarbageIsCollectedAndTheRestStays) {
  add("0000000a", Owner::self(), ContainerState::running);
  add("0000000b", dead_owner(), ContainerState::running);
  add("0000000c", dead_owner(), ContainerState::running, true);
  add("0000000d", unknown_owner(), ContainerState::exited);
  EXPECT_THAT(collected(true), ElementsAre("0000000b: the drydock that kept it is gone"));
  EXPECT_THAT(engine.objects(), SizeIs(16)) << "a dry run removes nothing";
  EXPECT_TRUE(has_directory("0000000b"));
  EXPECT_THAT(collected(), ElementsAre("0000000b: the drydock that kept it is gone"));
  EXPECT_THAT(engine.objects(), SizeIs(12));
  EXPECT_FALSE(has_directory("0000000b"));
  for (const char* id : {"0000000a", "0000000c", "0000000d"}) EXPECT_TRUE(has_directory(id)) << id;
  EXPECT_THAT(collected(), IsEmpty());
}

TEST_F(SessionsTest, ASessionThatWasDetachedByItsUserStays) {
  add("0000000b", dead_owner(), ContainerState::running);
  mark_detached("0000000b");
  EXPECT_THAT(collected(), IsEmpty());
  engine.container_map["drydock-demo-0000000b"].state = ContainerState::exited;
  EXPECT_THAT(collected(), ElementsAre("0000000b: its agent has ended"));
}

TEST_F(SessionsTest, AnEngineThatDoesNotAnswerMeansNoDeletion) {
  add("0000000b", dead_owner(), ContainerState::running);
  make_session_directory("0000000e", engine_key(test::FakeEngine().info), dead_owner());
  const auto all = engine.objects();
  for (const char* silent : {"containers.list io.drydock.session", "networks.list"}) {
    engine.before = [&](const std::string& call, std::size_t) {
      if (call == silent) throw Error(ErrorKind::timeout, "cannot ask the engine: no answer in 10 s");
    };
    EXPECT_THROW(collect_garbage(engine, false), Error) << silent;
    EXPECT_EQ(engine.objects(), all) << silent;
    EXPECT_TRUE(has_directory("0000000b")) << silent;
    EXPECT_TRUE(has_directory("0000000e")) << silent;
  }
  // The positive control.
  engine.before = nullptr;
  EXPECT_THAT(collected(), SizeIs(1));
  EXPECT_FALSE(has_directory("0000000e"));
}

TEST_F(SessionsTest, FoldersWithoutObjectsAreCollectedOnlyWhenTheirOwnerIsDead) {
  make_session_directory("0000000a", engine_key(test::FakeEngine().info), Owner::self());
  make_session_directory("0000000b", engine_key(test::FakeEngine().info), dead_owner());
  make_session_directory("0000000c", "docker", dead_owner());
  make_session_directory("0000000d", engine_key(test::FakeEngine().info), unknown_owner());
  std::filesystem::create_directories(session_directory("0000000e"));  // without a word on its owner
  std::filesystem::create_directories(session_directory("notes"));
  EXPECT_THAT(collected(), IsEmpty());
  EXPECT_FALSE(has_directory("0000000b"));
  for (const char* id : {"0000000a", "0000000c", "0000000d", "0000000e", "notes"})
    EXPECT_TRUE(has_directory(id)) << id;
}

TEST_F(SessionsTest, FailuresOfACollectionAreTold) {
  add("0000000b", dead_owner(), ContainerState::exited);
  engine.before = [](const std::string& call, std::size_t) {
    if (call == "networks.remove drydock_egress_0000000b") throw Error(ErrorKind::engine, "cannot: busy");
  };
  const auto entries = collect_garbage(engine, false);
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_THAT(entries[0].failures, ElementsAre("cannot: busy"));
  EXPECT_THAT(engine.objects(), ElementsAre("drydock_egress_0000000b"));
  EXPECT_TRUE(has_directory("0000000b"));
}

TEST_F(SessionsTest, AFolderIsNotMadeTwice) {
  make_session_directory("0000000a", engine_key(test::FakeEngine().info), Owner::self());
  EXPECT_THROW(make_session_directory("0000000a", engine_key(test::FakeEngine().info), Owner::self()), Error);
  EXPECT_THROW(mark_detached("0000000f"), Error);
}

}  // namespace
}  // namespace drydock::core
