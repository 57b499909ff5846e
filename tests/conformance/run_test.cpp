// J16 and the contract of `run`: exit status, streams, errors, and nothing left behind (Conformance::TearDown
// looks).
#include "lab.hpp"

#include "base/text.hpp"

namespace drydock::conformance {
namespace {

class Run : public Conformance {};

TEST_P(Run, PassesTheExitStatusOn) {
  EXPECT_EQ(run("", "true").status, 0);
  EXPECT_EQ(run("", "false").status, 1);
  EXPECT_EQ(run("", "sh -c 'exit 42'").status, 42);
  EXPECT_EQ(run("", "sh -c 'kill -9 $$'").status, 137);
  EXPECT_EQ(run("", "sh -c 'kill -15 $$'").status, 143);
}

TEST_P(Run, TellsACommandThatCannotBeRun) {
  const Outcome missing = run("", "no-such-command");
  EXPECT_EQ(missing.status, 127) << missing;
  EXPECT_NE(missing.err.find("no-such-command"), std::string::npos) << missing;
  EXPECT_EQ(missing.out, "");
  const Outcome not_executable = run("", "/usr/bin/notexec");
  EXPECT_EQ(not_executable.status, 126) << not_executable;
  EXPECT_NE(not_executable.err.find("notexec"), std::string::npos) << not_executable;
  const Outcome folder = run("", "/usr");
  EXPECT_EQ(folder.status, 126) << folder;
}

TEST_P(Run, RefusesWhatItCannotDoBeforeAnythingIsMade) {
  const Outcome image = drydock("run --image localhost/no-such-image -- true");
  EXPECT_EQ(image.status, 125) << image;
  EXPECT_NE(image.err.find("localhost/no-such-image"), std::string::npos);
  EXPECT_NE(image.err.find("hint:"), std::string::npos) << image;

  const Outcome folder = drydock("run --image " + std::string(test_image) + " ./missing -- true");
  EXPECT_EQ(folder.status, 125) << folder;
  EXPECT_NE(folder.err.find("missing"), std::string::npos);

  const Outcome terminal = run("-t", "true");
  EXPECT_EQ(terminal.status, 2) << terminal;

  for (const std::string project :
       {"/", "\"$HOME\"", "\"$HOME/.ssh\"", "./link-to-ssh", "/etc", "\"$HOME/..\""}) {
    const Outcome refused =
        sh_as_user("mkdir -p \"$HOME/.ssh\"; ln -sfn \"$HOME/.ssh\" " + quote(this->project()) +
                   "/link-to-ssh; cd " + quote(this->project()) + "; " + drydock_words() + " run --image " +
                   test_image + " " + project + " -- true");
    EXPECT_EQ(refused.status, 125) << project << " " << refused;
    EXPECT_NE(refused.err.find("cannot use project"), std::string::npos) << refused;
  }
}

TEST_P(Run, InvalidAllowlistStopsTheRunAndNamesTheLine) {
  write_project_file("list", "# hosts\nexample.org\nhttps://example.com/path\n");
  const Outcome refused = run("--allow-file list", "true");
  EXPECT_EQ(refused.status, 125) << refused;
  EXPECT_NE(refused.err.find("list:3"), std::string::npos) << refused;
  EXPECT_NE(refused.err.find("hint:"), std::string::npos) << refused;
  const Outcome flag = run("--allow 10.0.0.1", "true");
  EXPECT_EQ(flag.status, 2) << flag;
  EXPECT_NE(flag.err.find("10.0.0.1"), std::string::npos);
}

TEST_P(Run, KeepsTheStreamsApartAndPassesEndOfFileOn) {
  const Outcome both = run("-q", "sh -c 'echo out; echo err >&2'");
  EXPECT_EQ(both.out, "out\n");
  EXPECT_EQ(both.err, "err\n");
  const Outcome eof = sh_as_user("cd " + quote(project()) + "; printf 'a\\nb' | " + drydock_words() +
                                 " -q run --image " + test_image + " -- sh -c 'cat; echo end'");
  EXPECT_EQ(eof.status, 0) << eof;
  EXPECT_EQ(eof.out, "a\nbend\n") << eof;
  const Outcome none = sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " -q run --image " +
                                  test_image + " -- cat < /dev/null");
  EXPECT_EQ(none.status, 0) << none;
}

TEST_P(Run, CarriesAHundredMegabytesByteForByte) {
  const Outcome same = sh_as_user(
      "cd " + quote(project()) +
      "; set -o pipefail; gen() { printf 'a\\0b\\377'; head -c 104857596 /dev/urandom; }; gen > data; " +
      drydock_words() + " -q run --image " + test_image + " -- cat < data | cmp - data");
  EXPECT_EQ(same.status, 0) << same;
}

TEST_P(Run, ASlowReaderLosesNothing) {
  const Outcome same = sh_as_user(
      "cd " + quote(project()) + "; set -o pipefail; head -c 20000000 /dev/urandom > data; " +
      drydock_words() + " -q run --image " + test_image + " -- cat data | (sleep 2; cat) | cmp - data");
  EXPECT_EQ(same.status, 0) << same;
}

TEST_P(Run, AReaderThatGoesEndsTheSession) {
  const Outcome gone =
      sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " -q run --image " + test_image +
                 " -- sh -c 'while :; do echo y; done' | head -n 1; exit ${PIPESTATUS[0]}");
  EXPECT_EQ(gone.out, "y\n");
  EXPECT_EQ(gone.status, 141) << gone;
}

TEST_P(Run, ReapsOrphans) {
  // The middle process ends; its child becomes an orphan that PID 1 must reap: no zombie is left.
  const Outcome reaped =
      run("-q",
          "sh -c '(sh -c \"sleep 0.2 & exit\" &) ; sleep 1; grep -l \"^State:.Z\" /proc/[0-9]*/status; "
          "cat /proc/1/comm'");
  EXPECT_EQ(reaped.out.find("/proc/"), std::string::npos) << reaped;
  EXPECT_NE(trim(reaped.out), "sh") << "the command itself is PID 1";
}

TEST_P(Run, ASignalEndsTheSession) {
  for (const auto& [signal, status] : {std::pair{"INT", 130}, std::pair{"TERM", 143}}) {
    const Outcome ended = sh_as_user(
        "cd " + quote(project()) + "; set -m; " + drydock_words() + " -q run --image " + test_image +
        " -- sh -c 'echo up; sleep 1000' > out & pid=$!; "
        "for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; kill -" +
        signal + " $pid; wait $pid");
    EXPECT_EQ(ended.status, status) << ended;
    EXPECT_EQ(leftovers(), "");
  }
}

TEST_P(Run, WhatAKilledDrydockLeavesIsCollectedByTheNextRun) {
  const Outcome killed =
      sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " -q run --image " + test_image +
                 " -- sh -c 'echo up; sleep 1000' > out & pid=$!; "
                 "for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; kill -9 $pid; wait $pid");
  EXPECT_EQ(killed.status, 137) << killed;
  EXPECT_NE(leftovers(), "") << "the control: there is something to collect";
  const Outcome dry = drydock("gc --dry-run");
  EXPECT_NE(dry.out.find("gone"), std::string::npos) << dry;
  EXPECT_NE(leftovers(), "") << "a dry run removes nothing";
  const Outcome next = run("", "true");
  EXPECT_EQ(next.status, 0) << next;
  EXPECT_NE(next.err.find("collected session"), std::string::npos) << next;
}

TEST_P(Run, TwoSessionsOfOneProjectDoNotDisturbEachOther) {
  const Outcome both =
      sh_as_user("cd " + quote(project()) + "; one() { " + drydock_words() + " -q run --image " + test_image +
                 " --allow $1 -- sh -c \"touch $2; for i in \\$(seq 300); do test -e $3 && break; sleep 0.1; "
                 "done; curl -sS https://$1/ && "
                 "! curl -sS https://$4/\"; echo $? > $2.status; }; "
                 "one allowed.test a b other.test > a.out 2>&1 & one other.test b a allowed.test > b.out "
                 "2>&1 & wait; cat a.out b.out; "
                 "test $(cat a.status) = 0 -a $(cat b.status) = 0");
  EXPECT_EQ(both.status, 0) << both;
  EXPECT_NE(both.out.find("hello from allowed.test"), std::string::npos) << both;
  EXPECT_NE(both.out.find("hello from other.test"), std::string::npos) << both;
}

TEST_P(Run, ADetachedSessionIsListedAndStopped) {
  const Outcome started = run("-d", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  EXPECT_EQ(id.size(), 8U) << started;
  const Outcome list = drydock("--json list");
  EXPECT_NE(list.out.find(id), std::string::npos) << list;
  EXPECT_NE(list.out.find(project()), std::string::npos) << list;
  const Outcome kept = drydock("gc");
  EXPECT_EQ(kept.out.find(id), std::string::npos) << "a live detached session was collected";
  EXPECT_EQ(live_session(), id);
  const Outcome stopped = drydock("stop " + id.substr(0, 4));
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_EQ(trim(stopped.out), id);
  EXPECT_EQ(drydock("stop " + id).status, 1);
}

TEST_P(Run, RunsWithNoFurtherSetUp) {
  // Nobody started an engine service for the user, and none is running now.
  if (backend() == "podman") {
    // That of an earlier test ends when it is idle.
    const Outcome none =
        sh("for i in $(seq 150); do pgrep -u dev -f 'podman system service' >/dev/null || exit 0; sleep 0.1; "
           "done; exit 1");
    ASSERT_EQ(none.status, 0) << none;
  }
  const Outcome first = run("--allow allowed.test", "curl -sS https://allowed.test/");
  EXPECT_EQ(first.status, 0) << first;
  EXPECT_NE(first.out.find("hello from allowed.test"), std::string::npos) << first;
}

TEST_P(Run, ItsNetworksAreOfThePoolThatIsNamed) {
  const Outcome usual = run("-q", "sh -c 'echo $HTTPS_PROXY'");
  EXPECT_TRUE(starts_with(usual.out, "http://10.231.")) << usual;
  const Outcome named = run("-q --subnet-pool 192.168.77.0/28 --allow allowed.test",
                            "sh -c 'echo $HTTPS_PROXY; curl -sS https://allowed.test/'");
  EXPECT_TRUE(starts_with(named.out, "http://192.168.77.")) << named;
  EXPECT_NE(named.out.find("hello from allowed.test"), std::string::npos) << named;
  const Outcome wrong = run("-q --subnet-pool 192.168.77.1/28", "true");
  EXPECT_EQ(wrong.status, 2) << wrong;
}

INSTANTIATE_TEST_SUITE_P(Backend, Run, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
