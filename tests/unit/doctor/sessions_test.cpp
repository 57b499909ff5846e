// What doctor tells of live sessions, and which gaps it says that a session here has.
#include "base/json.hpp"
#include "doctor.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using runtime::ContainerState;
using runtime::Finding;
using runtime::FindingStatus;
using testing::HasSubstr;
using testing::Not;

class DoctorOnSessions : public Doctor {
 protected:
  // One live session, whose sidecar is in this state and has written these lines.
  void live(ContainerState sidecar, std::string log) {
    PlanRequest request = test::sample_request();
    request.session = id;
    request.label_name.clear();
    request.sidecar_directory = session_directory(id) + "/sidecar";
    const Plan plan = build_plan(request);
    name = plan.sidecar->name;
    podman->alter = [plan, sidecar, log = std::move(log)](test::FakeEngine& fake) {
      fake.container_map[plan.sidecar->name].spec = *plan.sidecar;
      fake.container_map[plan.sidecar->name].state = sidecar;
      fake.container_map[plan.agent.name].spec = plan.agent;
      fake.container_map[plan.agent.name].state = ContainerState::running;
      fake.log_of = [log](const std::string&) { return log; };
    };
    if (!fs::exists(session_directory(id)))
      make_session_directory(id, engine_key(test::FakeEngine().info), Owner::self());
  }
  static std::string proxy_line(const std::string& second, const std::string& reason) {
    return R"({"time":"2026-01-01T00:00:0)" + second + R"(Z","event":"proxy","reason":")" + reason +
           R"(","opened":1,"refused":0})" + "\n";
  }
  static Json session_of(const DoctorReport& report) {
    return to_json(report).at("egress").at("sessions").at(0);
  }

  const std::string id = "0a0b0c0d";
  std::string name;
  const std::string begin = R"({"event":"begin","opened":0,"refused":0})"
                            "\n";
  const std::string crash = "the proxy was ended by signal 11 and is started again";
};

TEST_F(DoctorOnSessions, OneThatIsWellIsInOrder) {
  live(ContainerState::running, begin + proxy_line("1", "Could not open a file") +
                                    R"({"event":"open","host":"a.example","opened":1,"refused":0})" + "\n");
  const DoctorReport report = examine();
  EXPECT_THAT(told(report, FindingStatus::ok),
              HasSubstr("session 0a0b0c0d on podman: its sidecar runs, 1 allowed, 0 denied"));
  EXPECT_EQ(told(report, FindingStatus::warning), "");
  EXPECT_THAT(told(report, FindingStatus::note), Not(HasSubstr("session-proxy")));
  const Json session = session_of(report);
  EXPECT_EQ(session.at("sidecar"), "running");
  EXPECT_EQ(session.at("proxy"),
            (Json{{"restarts", 0}, {"hangs", 0}, {"last", nullptr}, {"reason", nullptr}}));
}

TEST_F(DoctorOnSessions, APausedSidecarHasNotEnded) {
  live(ContainerState::paused, begin);
  const DoctorReport report = examine();
  EXPECT_TRUE(report.works()) << "the next run is not concerned";
  EXPECT_EQ(told(report, FindingStatus::warning),
            "session: session 0a0b0c0d on podman has no egress: its sidecar is paused => podman unpause " +
                name + "\n");
  EXPECT_EQ(session_of(report).at("sidecar"), "paused");
  live(ContainerState::exited, begin);
  expect_warning("session", "has no egress: its sidecar has ended", "drydock stop 0a0b0c0d");
}

TEST_F(DoctorOnSessions, ATinyproxyThatWasStartedAgainIsTold) {
  live(ContainerState::running, begin + proxy_line("3", crash));
  DoctorReport report = examine();
  EXPECT_EQ(told(report, FindingStatus::warning), "") << "once may happen";
  EXPECT_THAT(
      told(report, FindingStatus::note),
      HasSubstr("session-proxy: session 0a0b0c0d on podman: by its log, its tinyproxy was started again 1 "
                "time; lastly at 2026-01-01T00:00:03Z: " +
                crash + " => "));
  EXPECT_EQ(session_of(report).at("proxy").at("restarts"), 1);

  live(ContainerState::running, begin + proxy_line("3", crash) +
                                    proxy_line("4", "the proxy does not answer and is killed") +
                                    proxy_line("5", "the proxy was ended by signal 9 and is started again"));
  expect_warning("session-proxy", "was started again 2 times, and did not answer 1 time; lastly at 2026",
                 "drydock logs --egress 0a0b0c0d");
  report = examine();
  EXPECT_EQ(session_of(report).at("proxy"),
            (Json{{"restarts", 2},
                  {"hangs", 1},
                  {"last", "2026-01-01T00:00:05Z"},
                  {"reason", "the proxy was ended by signal 9 and is started again"}}));
}

TEST_F(DoctorOnSessions, ALogThatCannotBeReadIsNotSoundness) {
  live(ContainerState::running, begin);
  const auto sound = podman->alter;
  podman->alter = [&](test::FakeEngine& fake) {
    sound(fake);
    fake.log_of = [](const std::string&) -> std::string {
      throw Error(ErrorKind::engine, "cannot read log 'x': it is gone");
    };
  };
  const DoctorReport report = examine();
  EXPECT_THAT(told(report, FindingStatus::not_checked),
              HasSubstr("session-proxy: session 0a0b0c0d on podman: its tinyproxy: cannot read log 'x'"));
  EXPECT_EQ(session_of(report).at("proxy"), nullptr);
}

class DoctorOnGaps : public Doctor {
 protected:
  // The letters of those that the session here has, in capitals those that it does not have, and '?' behind
  // what was not seen. Closed ones are left out.
  std::string judged() {
    std::string letters;
    const DoctorReport report = examine();
    for (const auto& [gap, here] : report.gaps) {
      if (gap->closed()) {
        EXPECT_EQ(here, false);
        continue;
      }
      letters += here.value_or(true) ? gap->letter : static_cast<char>(gap->letter - 'a' + 'A');
      if (!here) letters += '?';
    }
    return letters;
  }
};

TEST_F(DoctorOnGaps, AreJudgedForTheSessionHere) {
  EXPECT_EQ(judged(), "abdEFJKn") << "rootless, exact hosts";
  podman->alter = [](test::FakeEngine& fake) { fake.info.rootless = false; };
  EXPECT_EQ(judged(), "abdEFJkn");
  podman->alter = nullptr;
  write("egress-allowlist", "*.example.org\n");
  EXPECT_EQ(judged(), "abdeFjKn");
  options.run.project_read_only = true;
  EXPECT_EQ(judged(), "abdeFjKN");
  write("default-dood", "");
  EXPECT_EQ(judged(), "ABDEfJKN");
}

TEST_F(DoctorOnGaps, WhatWasNotSeenIsNotDenied) {
  write("egress-allowlist", "10.0.0.1\n");
  EXPECT_EQ(judged(), "a?b?de?Fj?Kn") << "without a filter";
  fs::remove(config + "/egress-allowlist");
  podman->failure = Error(ErrorKind::unavailable, "cannot start podman: it is off", "start it");
  EXPECT_EQ(judged(), "abdEFJk?n") << "without an engine";
  options.directory = "/";
  EXPECT_EQ(judged(), "a?b?d?e?f?j?k?n?") << "without a project";
}

TEST_F(DoctorOnGaps, OfAnOpenOneItIsSaidWhatRemainsAndWhere) {
  for (const Json& gap : to_json(examine()).at("gaps")) {
    EXPECT_EQ(gap.at("remains").is_null(), gap.at("closed").get<bool>()) << gap;
    EXPECT_EQ(gap.at("where").is_null(), gap.at("closed").get<bool>()) << gap;
    if (gap.at("letter") != "k") continue;
    EXPECT_EQ(gap.at("here"), false);
    EXPECT_EQ(gap.at("remains"), "one-way datagrams to your machine");
    EXPECT_EQ(gap.at("where"), "contained sessions on an engine that is root's");
  }
}

}  // namespace
}  // namespace drydock::core
