// INV-11: whatever happens to drydock or to its engine, the next collection leaves nothing, and touches
// nothing that lives. Faults come from drydock-faulty (tests/support/faulty_engine.hpp) and from a proxy
// before the engine.
#include <cstdlib>
#include <functional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

constexpr int most_calls = 60;

class Crash : public Conformance {
 protected:
  // drydock run under a fault, of a short command.
  Outcome faulty_run(const std::string& fault) const {
    return sh_as_user("cd " + quote(project()) + "; DRYDOCK_FAULT=" + fault + " " + DRYDOCK_FAULTY_PROGRAM +
                      " --runtime " + backend() + " -q run --image " + test_image + " -- sh -c 'exit 3'");
  }
  // Everything of drydock's: objects of the engine and files of sessions.
  std::string everything() const {
    return leftovers() + sh("ls /run/user/1000/drydock/sessions 2>/dev/null").out;
  }
  std::string start_neighbour() const {
    // Also makes the sidecar image, so that the runs after it make the same calls.
    const Outcome started = run("-d", "sleep 10000");
    EXPECT_EQ(started.status, 0) << started;
    return std::string(trim(started.out));
  }

  // Runs with the fault at the first call, the second, and so on until a run makes so few calls that it
  // passes.
  void each_call(const std::string& kind, const std::function<void(const Outcome&, int)>& judge) const {
    const std::string neighbour = start_neighbour();
    const std::string untouched = everything();
    int n = 1;
    for (; n <= most_calls; ++n) {
      const Outcome outcome = faulty_run(kind + ":" + std::to_string(n));
      if (outcome.status == 3 && outcome.err.empty()) break;
      judge(outcome, n);
      const Outcome collected = drydock("gc");
      EXPECT_EQ(collected.status, 0) << kind << ":" << n << " " << collected;
      ASSERT_EQ(everything(), untouched) << kind << ":" << n << " left something, or took the neighbour's";
      ASSERT_EQ(drydock("exec " + neighbour + " -- echo fine").out, "fine\n") << kind << ":" << n;
    }
    EXPECT_GT(n, 8) << "the faults were not met: a run makes more calls than that";
    EXPECT_LT(n, most_calls);
    EXPECT_EQ(drydock("stop " + neighbour).status, 0);
  }
};

TEST_P(Crash, KilledAfterAnyCallItLeavesNothingBehind) {
  int left = 0;
  each_call("kill", [&](const Outcome& outcome, int n) {
    EXPECT_EQ(outcome.status, 137) << n << " " << outcome;
    if (split(leftovers(), '\n').size() > 5) ++left;
  });
  EXPECT_GT(left, 0) << "the control: there was something to collect";
}

TEST_P(Crash, AnyCallThatFailsIsToldAndLeavesNothing) {
  each_call("fail", [&](const Outcome& outcome, int n) {
    // A failed removal does not take the agent's status away, but is told.
    EXPECT_TRUE(outcome.status == 125 ||
                (outcome.status == 3 && outcome.err.find("drydock gc") != std::string::npos))
        << n << " " << outcome;
    EXPECT_NE(outcome.err.find("a fault was asked for"), std::string::npos) << n << " " << outcome;
  });
}

TEST_P(Crash, AnyAnswerThatIsLostLeavesNothing) {
  each_call("lose", [&](const Outcome& outcome, int n) {
    EXPECT_TRUE(outcome.status == 125 || outcome.status == 3) << n << " " << outcome;
  });
}

// No lock is held longer than its step: runs that stand still, each after another of its calls, keep nobody
// waiting.
TEST_P(Crash, ARunThatStandsStillHoldsNobodyUp) {
  const std::string neighbour = start_neighbour();
  const Outcome standing = sh_as_user(
      "cd " + quote(project()) + "; for n in 1 3 5 7 9 11 13; do (DRYDOCK_FAULT=stop:$n setsid " +
      DRYDOCK_FAULTY_PROGRAM + " --runtime " + backend() + " -q run --image " + test_image +
      " -- sh -c 'exit 3' > still.$n.out 2>&1 < /dev/null & run=$!; echo $run > still.$n.pid; wait $run; "
      "echo $? > still.$n.status) > /dev/null 2>&1 & done; "
      "stopped() { for p in $(cat still.*.pid); do grep -q '^State:.T' /proc/$p/status && echo $p; done "
      "2> /dev/null; }; "
      "for i in $(seq 300); do test $(stopped | wc -l) = 7 && break; sleep 0.1; done; stopped | wc -l");
  EXPECT_EQ(standing.out, "7\n") << "the control: they stand still " << standing
                                 << sh("cat " + quote(project()) + "/still.*.out").out;
  const Outcome others =
      sh_as_user("cd " + quote(project()) + "; set -e; " + "timeout 30 " + drydock_words() +
                 " -q run --image " + test_image + " --name other -- echo ran; timeout 30 " +
                 drydock_words() + " gc; timeout 30 " + drydock_words() + " list | grep -c " + neighbour +
                 "; timeout 30 " + drydock_words() + " stop " + neighbour + " > /dev/null");
  EXPECT_EQ(others.status, 0) << others;
  EXPECT_EQ(others.out, "ran\n1\n") << others;
  const Outcome ended =
      sh_as_user("cd " + quote(project()) +
                 "; kill -CONT $(cat still.*.pid); for i in $(seq 600); do test $(cat still.*.status 2> "
                 "/dev/null | wc -l) = 7 "
                 "&& break; sleep 0.1; done; cat still.*.status | sort | uniq -c; cat still.*.out");
  EXPECT_EQ(trim(ended.out), "7 3") << ended;
  EXPECT_EQ(everything(), "");
}

TEST_P(Crash, TheShippedProgramKnowsNoFaults) {
  const Outcome ran = sh_as_user("cd " + quote(project()) + "; DRYDOCK_FAULT=kill:1 " + drydock_words() +
                                 " -q run --image " + test_image + " -- true");
  EXPECT_EQ(ran.status, 0) << ran;
}

// A shell prelude: a proxy before the engine's socket, its address in $url, its process in $proxy.
std::string behind_proxy(const std::string& backend) {
  const std::string service =
      backend == "podman"
          ? "DPKG_ADMINDIR=/nonexistent podman system service --time 0 unix://$dir/engine.sock >/dev/null "
            "2>&1 & service=$!; "
            "target=$dir/engine.sock; for i in $(seq 100); do test -S $target && break; sleep 0.1; done; "
          : "service=; target=/run/docker.sock; ";
  return "dir=$(mktemp -d); " + service + "python3 " + DRYDOCK_UNIX_PROXY +
         " $dir/proxy.sock $target > $dir/ready & proxy=$!; url=unix://$dir/proxy.sock; "
         "for i in $(seq 100); do test -s $dir/ready && break; sleep 0.1; done; "
         "finish() { kill $proxy $service 2>/dev/null; wait $proxy $service 2>/dev/null; rm -rf $dir; }; "
         "trap finish EXIT; ";
}

TEST_P(Crash, AnEngineThatVanishesIsToldAndWhatIsLeftIsCollected) {
  const Outcome gone = sh_as_user("cd " + quote(project()) + "; " + behind_proxy(backend()) +
                                  drydock_words() + " --engine $url -q run --image " + test_image +
                                  " -- sh -c 'echo up; sleep 1000' > out 2> err & run=$!; "
                                  "for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; "
                                  "kill $proxy; wait $run; echo $?; cat err");
  EXPECT_TRUE(starts_with(gone.out, "125\n")) << gone;
  EXPECT_NE(gone.out.find("proxy.sock"), std::string::npos) << "the engine is not named: " << gone;
  EXPECT_NE(gone.out.find("drydock gc"), std::string::npos) << gone;
  EXPECT_NE(leftovers(), "") << "the control: there is something to collect";
  const Outcome collected = drydock("gc");
  EXPECT_NE(collected.out.find("gone"), std::string::npos) << collected;
}

TEST_P(Crash, AHungEngineIsGivenUpOn) {
  const Outcome hung = sh_as_user("cd " + quote(project()) + "; " + behind_proxy(backend()) +
                                  "kill -USR1 $proxy; sleep 0.2; SECONDS=0; " + drydock_words() +
                                  " --engine $url run --image " + test_image +
                                  " -- true 2> err; echo $? $((SECONDS >= 9 && SECONDS <= 15)); cat err");
  EXPECT_TRUE(starts_with(hung.out, "125 1\n")) << hung;
  EXPECT_NE(hung.out.find("proxy.sock"), std::string::npos) << hung;
  EXPECT_NE(hung.out.find("10 s"), std::string::npos) << hung;
}

TEST_P(Crash, AnEngineThatHangsInTheMiddleIsGivenUpOnWhenTheSessionIsToEnd) {
  const Outcome hung =
      sh_as_user("cd " + quote(project()) + "; " + behind_proxy(backend()) + drydock_words() +
                 " --engine $url -q run --image " + test_image +
                 " -- sh -c 'echo up; sleep 1000' > out 2> err < /dev/null & run=$!; "
                 "for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; "
                 "kill -USR1 $proxy; sleep 1; kill -0 $run && echo waits; SECONDS=0; kill -TERM $run; "
                 "wait $run; echo $? $((SECONDS <= 60)); cat err");
  // A stream may be silent: only the end asks the engine for something.
  EXPECT_TRUE(starts_with(hung.out, "waits\n125 1\n") || starts_with(hung.out, "waits\n143 1\n")) << hung;
  EXPECT_NE(hung.out.find("10 s"), std::string::npos) << hung;
  EXPECT_NE(hung.out.find("drydock gc"), std::string::npos) << hung;
  const Outcome collected = drydock("gc");
  EXPECT_NE(collected.out.find("gone"), std::string::npos) << collected;
  EXPECT_EQ(everything(), "");
}

TEST_P(Crash, ManyAtOnce) {
  const char* wanted = std::getenv("DRYDOCK_MANY");
  const std::string count = wanted != nullptr ? wanted : "6";
  const Outcome started =
      sh_as_user("cd " + quote(project()) + "; mkdir -p many; for i in $(seq " + count + "); do (" +
                 drydock_words() + " -q run -d --image " + test_image +
                 " -- sleep 10000 > many/$i.id 2> many/$i.err; echo $? > many/$i.status) & done; wait; "
                 "cat many/*.status | sort | uniq -c; cat many/*.err >&2; cat many/*.id | sort -u | wc -l");
  EXPECT_EQ(started.out.find(" 125"), std::string::npos) << started;
  EXPECT_TRUE(ends_with(trim(started.out), "\n" + count)) << started;
  const Json list = parse_json(drydock("--json list").out, "the list");
  EXPECT_EQ(std::to_string(list.size()), count);
  const Outcome stopped = drydock("stop --time 0 --all");
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_EQ(everything(), "");
}

INSTANTIATE_TEST_SUITE_P(Backend, Crash, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
