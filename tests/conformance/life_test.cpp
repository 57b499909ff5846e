// A session's life beside the run that made it: attach, exec, logs, inspect, names, limits in time.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Life : public Conformance {
 protected:
  // A detached session; its id.
  std::string start(const std::string& options, const std::string& command) const {
    const Outcome started = run("-d " + options, command);
    EXPECT_EQ(started.status, 0) << started;
    return std::string(trim(started.out));
  }
  bool lives(const std::string& id) const { return drydock("list").out.find(id) != std::string::npos; }
};

TEST_P(Life, ExecPassesStatusStreamsAndInputOn) {
  const std::string id = start("", "sleep 1000");
  EXPECT_EQ(drydock("exec " + id + " -- true").status, 0);
  EXPECT_EQ(drydock("exec " + id + " -- sh -c 'exit 42'").status, 42);
  EXPECT_EQ(drydock("exec " + id + " -- sh -c 'kill -9 $$'").status, 137);
  const Outcome both = drydock("exec " + id + " -- sh -c 'echo out; echo err >&2'");
  EXPECT_EQ(both.out, "out\n");
  EXPECT_EQ(both.err, "err\n");
  const Outcome bytes =
      sh_as_user("cd " + quote(project()) + "; set -o pipefail; head -c 3000000 /dev/urandom > data; " +
                 drydock_words() + " exec -i " + id + " -- cat < data | cmp - data");
  EXPECT_EQ(bytes.status, 0) << bytes;
  const Outcome no_input = sh_as_user("echo typed | " + drydock_words() + " exec " + id + " -- cat");
  EXPECT_EQ(no_input.out, "") << "without -i nothing is typed";
  const Outcome set = drydock("exec -e A=b -w /tmp " + id + " -- sh -c 'echo $A $(pwd)'");
  EXPECT_EQ(set.out, "b /tmp\n") << set;
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, ExecTellsACommandThatCannotBeRun) {
  const std::string id = start("", "sleep 1000");
  for (const auto& [command, status] :
       {std::pair{"no-such-command", 127}, std::pair{"/usr/bin/notexec", 126}, std::pair{"/usr", 126}}) {
    const Outcome outcome = drydock("exec " + id + " -- " + command);
    EXPECT_EQ(outcome.status, status) << outcome;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("cannot run command '" + std::string(command)), std::string::npos) << outcome;
  }
  // The control: a command that ends so, and writes so, by itself.
  const Outcome own = drydock("exec " + id + " -- sh -c 'echo Error: mine; exit 127'");
  EXPECT_EQ(own.status, 127);
  EXPECT_EQ(own.out, "Error: mine\n") << own;
  EXPECT_EQ(own.err, "") << own;
  EXPECT_EQ(drydock("exec -w /no/such/folder " + id + " -- true").status, 125);
  EXPECT_EQ(drydock("exec -t " + id + " -- true").status, 2);
  EXPECT_EQ(drydock("exec " + id).status, 2);
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, ExecIsAsHardenedAndAsJailedAsTheAgent) {
  const std::string status = "grep -E '^(Uid|Gid|Cap[A-Z][a-z]+|NoNewPrivs|Seccomp):' /proc/self/status";
  const std::string id =
      start("--allow allowed.test", "sh -c " + quote(status + " > agent; env > env; sleep 1000"));
  const Outcome agent = sh("for i in $(seq 100); do test -s " + quote(project() + "/env") +
                           " && break; sleep 0.1; done; cat " + quote(project() + "/agent"));
  ASSERT_NE(agent.out.find("NoNewPrivs:\t1"), std::string::npos) << agent;
  const Outcome exec = drydock("exec " + id + " -- sh -c " + quote(status));
  EXPECT_EQ(exec.out, agent.out) << "exec differs from the agent";
  // Podman names the primary group among the others for the agent, and does not for an exec.
  const Outcome groups = drydock("exec " + id + " -- sh -c 'grep ^Groups: /proc/self/status'");
  EXPECT_TRUE(trim(groups.out) == "Groups:" || trim(groups.out) == "Groups:\t1000") << groups;
  const Outcome names = drydock("exec -e HTTPS_PROXY=http://192.0.2.1:1 " + id + " -- env");
  for (const std::string& line : split(sh("cat " + quote(project() + "/env")).out, '\n')) {
    if (to_lower_ascii(line).find("_proxy=") == std::string::npos) continue;
    EXPECT_NE(names.out.find(line + "\n"), std::string::npos) << line << "\n" << names;
  }
  const Outcome allowed = drydock("exec " + id + " -- curl -sS https://allowed.test/");
  EXPECT_NE(allowed.out.find("hello from allowed.test"), std::string::npos) << allowed;
  const Outcome denied = drydock("exec " + id + " -- curl -sS https://denied.test/");
  EXPECT_NE(denied.status, 0) << denied;
  EXPECT_EQ(denied.out.find("hello"), std::string::npos) << denied;
  EXPECT_NE(drydock("exec " + id + " -- curl -sS --noproxy '*' -m 5 http://203.0.113.10/").status, 0);
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, ASessionIsFoundByIdBeginningNameAndFolder) {
  EXPECT_EQ(drydock("attach").status, 2);
  const std::string id = start("--name first", "sleep 1000");
  for (const std::string& words :
       {id, id.substr(0, 4), std::string("first"), quote(project()), std::string(), std::string(".")}) {
    const Outcome found = drydock("exec " + words + " -- echo here");
    EXPECT_EQ(found.out, "here\n") << words << " " << found;
  }
  EXPECT_EQ(sh_as_user("cd /; " + drydock_words() + " exec -- true").status, 2) << "another folder";
  const Outcome unknown = drydock("exec nobody -- true");
  EXPECT_EQ(unknown.status, 125);
  EXPECT_NE(unknown.err.find("there is no such session"), std::string::npos) << unknown;

  const std::string second = start("", "sleep 1000");
  const Outcome ambiguous = drydock("exec -- true");
  EXPECT_EQ(ambiguous.status, 2) << ambiguous;
  EXPECT_NE(ambiguous.err.find(id), std::string::npos) << ambiguous;
  EXPECT_NE(ambiguous.err.find(second), std::string::npos) << ambiguous;
  EXPECT_EQ(drydock("stop first " + second).status, 0);
}

TEST_P(Life, ANameIsGivenOnce) {
  const std::string id = start("--name only", "sleep 1000");
  const Outcome again = run("--name only", "true");
  EXPECT_EQ(again.status, 125) << again;
  EXPECT_NE(again.err.find(id), std::string::npos) << again;
  EXPECT_EQ(drydock("stop only").status, 0);
  const Outcome freed = run("--name only", "true");
  EXPECT_EQ(freed.status, 0) << "the name is free again " << freed;
  // Of many that want it at once one gets it.
  const Outcome race = sh_as_user("cd " + quote(project()) + "; for i in 1 2 3 4; do (" + drydock_words() +
                                  " -q run --name race --image " + test_image +
                                  " -- sleep 3 2>/dev/null; echo $?) & done; wait");
  EXPECT_EQ(race.out.find("0"), race.out.rfind("0")) << race;
  EXPECT_NE(race.out.find("0"), std::string::npos) << race;
}

TEST_P(Life, LogsAreTheOutputAndFollowItToTheEnd) {
  const std::string id = start("", "sh -c 'echo one; echo two >&2; printf three; sleep 2; echo; echo four'");
  const Outcome followed = drydock("logs -f " + id);
  EXPECT_EQ(followed.status, 0) << followed;
  EXPECT_EQ(followed.out, "one\nthree\nfour\n") << followed;
  EXPECT_EQ(followed.err, "two\n") << followed;
  EXPECT_EQ(drydock("logs " + id).out, "one\nthree\nfour\n") << "an ended session's log is there until gc";
  const Outcome json = drydock("--json logs " + id);
  EXPECT_NE(json.out.find(R"({"line":"three","stream":"stdout"})"), std::string::npos) << json;
  const std::string terminal = start("-t", "sh -c 'echo one; echo two >&2; sleep 1000'");
  const Outcome shown = sh("for i in $(seq 50); do true; done; sleep 0.5");
  EXPECT_EQ(drydock("logs " + terminal).out, "one\r\ntwo\r\n");
  // Nobody need wait for a silent log.
  const Outcome stopped = sh_as_user(
      drydock_words() + " logs -f " + terminal +
      " > /dev/null & sleep 1; kill -TERM $!; time=$SECONDS; wait $!; echo $? $((SECONDS - time))");
  EXPECT_TRUE(starts_with(stopped.out, "143 ")) << stopped;
  EXPECT_EQ(drydock("stop " + terminal).status, 0);
  EXPECT_EQ(drydock("gc").status, 0);
}

TEST_P(Life, TheEgressLogNamesWhatWasAsked) {
  const std::string id = start("--allow allowed.test", "sleep 1000");
  drydock("exec " + id + " -- curl -sS https://allowed.test/");
  drydock("exec " + id + " -- curl -sS https://denied.test/");
  const Outcome log = drydock("logs --egress " + id);
  EXPECT_EQ(log.status, 0) << log;
  EXPECT_NE(log.out.find("allowed.test"), std::string::npos) << log;
  EXPECT_NE(log.out.find("denied.test"), std::string::npos) << log;
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, TheListCountsWhatWasLetThroughAndRefused) {
  const std::string id = start("--allow allowed.test", "sleep 1000");
  const auto counts = [&] {
    const Json list = parse_json(drydock("--json list").out, "the list");
    return list.at(0).at("allowed").dump() + "/" + list.at(0).at("denied").dump();
  };
  EXPECT_EQ(counts(), "0/0") << "the canary is not the agent's";
  drydock(
      "exec " + id +
      " -- sh -c 'for i in 1 2 3; do curl -sS https://allowed.test/; done; curl -sS https://denied.test/'");
  EXPECT_EQ(counts(), "3/1");
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, KeptSessionsStayUntilTheyAreStopped) {
  const Outcome ended = run("--keep", "sh -c 'echo said; exit 3'");
  EXPECT_EQ(ended.status, 3) << ended;
  EXPECT_EQ(drydock("gc").out, "");
  const Json list = parse_json(drydock("--json list --all").out, "the list");
  ASSERT_EQ(list.size(), 1U) << list;
  EXPECT_EQ(string_or(list[0], "status"), "ended");
  const std::string id = string_or(list[0], "id");
  EXPECT_EQ(drydock("list").out.find(id), std::string::npos);
  EXPECT_EQ(drydock("logs " + id).out, "said\n");
  EXPECT_EQ(engine("ps -q --filter label=io.drydock.session").out, "") << "something still runs";
  const Outcome dead = drydock("exec " + id + " -- true");
  EXPECT_EQ(dead.status, 125);
  EXPECT_NE(dead.err.find("no live session (ended)"), std::string::npos) << dead;
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Life, ATimeLimitEndsTheSession) {
  const Outcome ended =
      sh_as_user("cd " + quote(project()) + "; SECONDS=0; " + drydock_words() +
                 " -q run --timeout 2s --image " + test_image +
                 " -- sh -c 'trap \"touch asked; exit 0\" TERM; while :; do sleep 0.1; done'; "
                 "echo $? $((SECONDS < 20)); ls asked");
  EXPECT_EQ(ended.out, "124 1\nasked\n") << ended;
  const Outcome stubborn = run("--timeout 1s", "sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'");
  EXPECT_EQ(stubborn.status, 124) << stubborn;
  EXPECT_EQ(run("--timeout 60s", "sh -c 'exit 4'").status, 4);
  EXPECT_EQ(run("--timeout soon", "true").status, 2);
  // Nobody watches over a detached one but the next collection.
  const std::string id = start("--timeout 1s", "sleep 1000");
  EXPECT_EQ(sh("sleep 3").status, 0);
  const Outcome collected = drydock("gc");
  EXPECT_NE(collected.out.find("time limit"), std::string::npos) << collected;
  EXPECT_FALSE(lives(id));
}

TEST_P(Life, ATimeLimitIsTheEndOfEgressWhoeverLooksAfterIt) {
  const std::string id =
      start("--timeout 5s --allow allowed.test",
            "sh -c 'while :; do if curl -sS -o /dev/null --max-time 3 https://allowed.test/ 2> "
            "/dev/null; then echo y >> reached; else echo n >> refused; fi; sleep 0.3; done'");
  const auto count = [&](const std::string& file) {
    return std::stoi(sh("cd " + quote(project()) + "; cat " + file + " 2> /dev/null | wc -l").out);
  };
  const auto running = [&](const std::string& role) {
    return !trim(engine("ps -q --filter label=io.drydock.session=" + id +
                        " --filter label=io.drydock.role=" + role)
                     .out)
                .empty();
  };
  sh("for i in $(seq 100); do test -e " + quote(project() + "/reached") + " && break; sleep 0.1; done");
  EXPECT_GT(count("reached"), 0) << "the control";
  EXPECT_TRUE(running("sidecar"));
  // Nobody of drydock's runs: the guard looks at the clock by itself.
  for (int tenths = 0; tenths < 400 && running("sidecar"); tenths += 5) sh("sleep 0.5");
  EXPECT_FALSE(running("sidecar"));
  sh("sleep 1");
  const int reached = count("reached");
  const int refused = count("refused");
  sh("sleep 4");
  EXPECT_EQ(count("reached"), reached) << "it still reaches the host";
  EXPECT_GT(count("refused"), refused) << "the control: it still tries";
  EXPECT_TRUE(running("agent"));
  const Outcome collected = drydock("gc");
  EXPECT_NE(collected.out.find("time limit"), std::string::npos) << collected;
  EXPECT_FALSE(lives(id));
  EXPECT_NE(drydock("--json egress log " + id).out.find("the session has reached its time limit"),
            std::string::npos);
}

TEST_P(Life, StopGivesTheTimeItIsTold) {
  const std::string command =
      "sh -c 'trap \"sleep 2; touch done; exit 0\" TERM; echo up; while :; do sleep 0.1; done'";
  const std::string patient = start("", command);
  sh("sleep 0.5");
  EXPECT_EQ(drydock("stop --time 10 " + patient).status, 0);
  EXPECT_EQ(sh("rm " + quote(project() + "/done")).status, 0) << "it had no time to end by itself";
  const std::string hasty = start("", command);
  sh("sleep 0.5");
  EXPECT_EQ(drydock("stop --time 0 " + hasty).status, 0);
  EXPECT_NE(sh("test -e " + quote(project() + "/done")).status, 0);
  EXPECT_EQ(drydock("stop --time soon " + hasty).status, 2);
}

TEST_P(Life, WhoIsAttachedHearsHowItEnded) {
  const std::string id = start("", "sh -c 'sleep 3; exit 7'");
  const Outcome both = sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " attach --watch " +
                                  id + " > a 2>&1 & first=$!; sleep 0.7; " + drydock_words() + " attach " +
                                  id + " > b 2>&1; echo $?; wait $first; echo $?; cat b; rm a b");
  EXPECT_TRUE(starts_with(both.out, "7\n7\n")) << both;
  EXPECT_NE(both.out.find("another drydock is attached"), std::string::npos) << both;
  const std::string stopped = start("", "sleep 1000");
  const Outcome told = sh_as_user(drydock_words() + " attach " + stopped + " & sleep 1; " + drydock_words() +
                                  " stop " + stopped + " > /dev/null; wait $!; echo $?");
  EXPECT_EQ(told.out, "143\n") << told;
}

// Each command, used wrongly: 2 for what is wrong by itself, otherwise the command's own status of failure.
TEST_P(Life, AWrongUseOfEachCommandIsTold) {
  struct Use {
    std::string arguments;
    int status;
    std::string says;
  };
  const std::vector<Use> uses{
      {"run -t --image " + std::string(test_image) + " -- true", 2, "terminal"},
      {"run --image no-such-image -- true", 125, "cannot use image 'no-such-image'"},
      {"run /does/not/exist -- true", 125, "cannot use project '/does/not/exist'"},
      {"run --memory lots -- true", 2, "lots"},
      {"shell /does/not/exist", 125, "cannot use project '/does/not/exist'"},
      {"attach", 2, "none is named"},
      {"attach nosuch", 125, "cannot attach to session 'nosuch'"},
      {"exec nosuch", 2, "cannot run a command"},
      {"exec nosuch -- true", 125, "cannot run a command in session 'nosuch'"},
      {"list --filter colour=red", 2, "cannot use filter 'colour=red'"},
      {"logs", 2, "none is named"},
      {"logs nosuch", 1, "cannot read the log of session 'nosuch'"},
      {"inspect", 2, "none is named"},
      {"inspect nosuch", 1, "cannot inspect session 'nosuch'"},
      {"stop", 2, "none is named"},
      {"stop nosuch", 1, "cannot stop session 'nosuch'"},
      {"stop --time soon nosuch", 2, "soon"},
      {"egress", 2, "it is a group"},
      {"egress lst", 2, "egress has no such command"},
      {"egress list --project /does/not/exist", 1, "cannot use project '/does/not/exist'"},
      {"egress list --session nosuch", 1, "cannot read the allowlist of session 'nosuch'"},
      {"egress list --groups --session nosuch", 2, "cannot use option '--groups'"},
      {"egress test", 2, "cannot test a host: none is named"},
      {"egress test a.example --session nosuch", 1, "cannot read the allowlist of session 'nosuch'"},
      {"egress allow '*.com'", 2, "cannot allow host '*.com'"},
      {"egress allow a.example --for 1h", 2, "cannot use option '--for'"},
      {"egress allow a.example --session nosuch", 1, "cannot change the allowlist of session 'nosuch'"},
      {"egress revoke a.example", 2, "none is named"},
      {"egress revoke a.example --session nosuch", 1, "cannot change the allowlist of session 'nosuch'"},
      {"egress denied nosuch", 1, "cannot tell what was refused to session 'nosuch'"},
      {"egress log nosuch", 1, "cannot read the log of session 'nosuch'"},
      {"egress watch nosuch", 1, "cannot watch session 'nosuch'"},
      {"egress capture --image " + std::string(test_image) + " -- true", 2, "cannot capture"},
      {"run --secret DRYDOCK_TEST_NOT_SET -- true", 125, "cannot pass secret 'DRYDOCK_TEST_NOT_SET'"},
      {"run --config /does/not/exist -- true", 125, "cannot read configuration '/does/not/exist'"},
      {"agents cluade", 2, "cannot use agent 'cluade'"},
      {"build --agent cluade", 2, "cannot use agent 'cluade'"},
      {"build --package x", 2, "cannot use option '--package'"},
      {"sync --agent shell", 1, "cannot sync agent 'shell'"},
      {"setup-token shell", 2, "cannot use tokens of agent 'shell'"},
      {"setup-token --name OTHER", 2, "cannot use token 'OTHER'"},
      {"setup-token </dev/null", 1, "cannot keep token of agent 'claude': it is empty"},
      {"revoke-token cluade", 2, "cannot use agent 'cluade'"},
      {"link", 2, "none is named"},
      {"link /does/not/exist", 1, "cannot link '/does/not/exist'"},
      {"unlink", 2, "none is named"},
      {"unlink /does/not/exist", 1, "cannot unlink"},
      {"links now", 2, "cannot use argument 'now'"},
      {"init now", 2, "cannot use argument 'now'"},
      {"gc nosuch", 2, "cannot use argument 'nosuch'"},
      {"build --base no-such-image", 1, "cannot use image 'no-such-image'"},
      {"smoke now", 2, "cannot use argument 'now'"},
      {"contain --remove /does/not/exist", 1, "cannot use project '/does/not/exist'"},
      {"dood /", 1, "cannot use project '/'"},
      {"default jail", 2, "cannot use mode 'jail'"},
      {"completion tcsh", 2, "cannot complete for shell 'tcsh'"},
      {"doctor now", 2, "cannot use argument 'now'"},
      {"version now", 2, "cannot use argument 'now'"},
      {"help nosuch", 2, "cannot show help for 'nosuch'"},
  };
  std::string tried = " ";
  for (const Use& use : uses) {
    const Outcome outcome = drydock(use.arguments);
    EXPECT_EQ(outcome.status, use.status) << use.arguments << " " << outcome;
    EXPECT_EQ(outcome.out, "") << use.arguments;
    EXPECT_TRUE(starts_with(outcome.err, "drydock: error: cannot ")) << use.arguments << " " << outcome;
    EXPECT_NE(outcome.err.find(use.says), std::string::npos) << use.arguments << " " << outcome;
    EXPECT_NE(outcome.err.find("\n  hint: "), std::string::npos) << use.arguments << " " << outcome;
    tried += use.arguments.substr(0, use.arguments.find(' ')) + " ";
  }
  const std::string help = drydock("help").out;
  const std::string names = help.substr(help.find("Commands:\n") + 10);
  for (const std::string& line : split(names.substr(0, names.find("\n\n")), '\n')) {
    const std::string name = line.substr(2, line.find_first_of(" ,", 2) - 2);
    EXPECT_NE(tried.find(" " + name + " "), std::string::npos) << "no wrong use of " << name;
  }
  EXPECT_EQ(leftovers(), "");
}

TEST_P(Life, InspectTellsWhatThereIs) {
  const std::string id = start("--allow allowed.test", "sleep 1000");
  const Json json = parse_json(drydock("inspect " + id).out, "inspect");
  EXPECT_EQ(string_or(*find_path(json, {"session"}), "id"), id);
  EXPECT_EQ(string_or(*find_path(json, {"containers", "agent"}), "state"), "running");
  EXPECT_EQ(string_or(*find_path(json, {"containers", "sidecar"}), "state"), "running");
  EXPECT_NE(find_path(json, {"filter"})->dump().find("allowed.test"), std::string::npos) << json;
  EXPECT_EQ(find_path(json, {"warnings"})->size(), 0U) << json;
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Life, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
