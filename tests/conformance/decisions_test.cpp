// The decision log of a session that has ended: kept whole on every way out, closed to others, and of a kind
// that shows what was done to it.
#include <unistd.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// The user's, in shell text.
const std::string state = "\"$(getent passwd $(id -u) | cut -d: -f6)/.local/state/drydock/decisions\"";

class Decisions : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    sh_as_user("rm -rf " + state);  // other suites leave theirs
  }
  void TearDown() override {
    if (!live_session().empty()) drydock("-q stop --all");
    sh_as_user("rm -rf " + state);
    Conformance::TearDown();
  }
  static std::string file(const std::string& session) { return state + "/" + session + ".jsonl"; }
  Outcome verify(const std::string& session) const { return drydock("egress log --verify " + session); }
  static bool is_kept(const std::string& session) {
    return sh_as_user("test -s " + file(session)).status == 0;
  }
  // A detached session that has been refused denied.test; its id.
  std::string start_refused(const std::string& options = {}) {
    const std::string session = start_serving("--allow allowed.test " + options);
    in_agent("curl -sS https://denied.test/; curl -sS https://allowed.test/");
    return session;
  }
  std::string sidecar() const {
    return std::string(trim(engine("ps --filter label=io.drydock.role=sidecar --format '{{.Names}}'").out));
  }
  void expect_denied_in(const Outcome& log) {
    EXPECT_EQ(log.status, 0) << log;
    EXPECT_NE(log.out.find("denied.test:443"), std::string::npos) << log;
  }
};

TEST_P(Decisions, J19_TheLogOfAnEndedSessionIsKept) {
  const Outcome ran = run("--allow allowed.test",
                          "sh -c 'curl -sS https://denied.test/; curl -sS https://allowed.test/; exit 0'");
  ASSERT_EQ(ran.status, 0) << ran;
  // Nothing is named: the last of this folder's project.
  expect_denied_in(drydock("egress log"));
  const Outcome denied = drydock("egress denied");
  EXPECT_NE(denied.out.find("drydock egress allow denied.test\n"), std::string::npos) << denied;
  const Outcome listed = drydock("--json egress log --list");
  const Json logs = *find_member(parse_json(listed.out, "the list"), "logs");
  ASSERT_EQ(logs.size(), 1U) << listed;
  const std::string session = require_string(logs[0], "session");
  EXPECT_EQ(require_string(logs[0], "project"), project());
  // From elsewhere it is told how to allow it in this project.
  const Outcome elsewhere = sh_as_user("cd /; " + drydock_words() + " egress denied " + session);
  EXPECT_NE(elsewhere.out.find("drydock egress allow --project " + project() + " denied.test\n"),
            std::string::npos)
      << elsewhere;
  // What its refusals told it to type, typed too late.
  const Outcome late =
      sh_as_user("cd /; " + drydock_words() + " egress allow denied.test --session " + session);
  EXPECT_EQ(late.status, 1) << late;
  EXPECT_NE(late.err.find("it has ended\n"), std::string::npos) << late;
  EXPECT_NE(late.err.find("drydock egress allow --project " + project() + " denied.test\n"),
            std::string::npos)
      << late;
  EXPECT_EQ(int_or(logs[0], "allowed", 0), 1) << listed;
  EXPECT_EQ(int_or(logs[0], "denied", 0), 1) << listed;
  EXPECT_EQ(leftovers(), "");
  const Outcome modes = sh_as_user("stat -c %a " + state + " " + file(session));
  EXPECT_EQ(modes.out, "700\n600\n") << modes;
  // The first line says whose log it is, and what was asked for is in between.
  const Json first = parse_json(sh_as_user("head -1 " + file(session)).out, "the first line");
  EXPECT_EQ(require_string(first, "event"), "begin");
  EXPECT_EQ(require_string(first, "session"), session);
  EXPECT_EQ(require_string(first, "project"), project());
  for (const char* text : {"\"exit\"", "\"close\"", "\"denied\"", "\"kept\""})
    EXPECT_EQ(sh_as_user("grep -q '" + std::string(text) + "' " + file(session)).status, 0) << text;
  const Outcome whole = verify(session.substr(0, 6));
  EXPECT_EQ(whole.status, 0) << whole;
  EXPECT_NE(whole.out.find("lines, the chain holds, up to "), std::string::npos) << whole;

  const Outcome none = run("--no-log", "true");
  EXPECT_EQ(none.status, 0) << none;
  EXPECT_EQ(sh_as_user("ls " + state + " | wc -l").out, "1\n");
}

TEST_P(Decisions, J19_AnOpenTunnelTellsWhatItHasCarried) {
  const std::string session = start_serving("--allow allowed.test");
  in_agent("curl -sS https://allowed.test/bytes/200000 https://allowed.test/delay/600 > /dev/null 2>&1 &");
  const auto lines_of = [&](const std::string& event) {
    std::vector<Json> found;
    for (const std::string& line : split(trim(drydock("--json egress log " + session).out), '\n')) {
      const Json json = parse_json(line, "a decision");
      if (string_or(json, "event") == event) found.push_back(json);
    }
    return found;
  };
  std::vector<Json> told;
  for (int i = 0; i < 120 && told.empty(); ++i) {
    ::usleep(500'000);
    told = lines_of("progress");
  }
  ASSERT_EQ(told.size(), 1U) << drydock("egress log " + session);
  const std::int64_t received = int_or(told[0], "received", 0);
  EXPECT_GE(received, 200'000);
  EXPECT_GE(int_or(told[0], "duration_ms", 0), 10'000) << "not sooner than every ten seconds";
  EXPECT_TRUE(lines_of("close").empty()) << "the tunnel is not open any more: this shows nothing";
  EXPECT_EQ(verify(session).status, 0);
  const Outcome watched =
      sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " --json egress watch " + session +
                 " > json & pid=$!; sleep 1; " + drydock_words() + " -q stop " + session + "; wait $pid");
  EXPECT_EQ(watched.status, 0) << watched;
  EXPECT_EQ(sh("grep -c '\"event\":\"progress\"' " + quote(project() + "/json")).out, "1\n");
  EXPECT_EQ(verify(session).status, 0) << "the log that was kept";
}

TEST_P(Decisions, J19_ItIsKeptOnEveryWayOut) {
  const std::string stopped = start_refused();
  const Outcome live = verify(stopped);
  EXPECT_EQ(live.status, 0) << live;
  EXPECT_NE(live.out.find("the chain holds so far"), std::string::npos) << live;
  EXPECT_FALSE(is_kept(stopped)) << "it lives";
  EXPECT_EQ(drydock("-q stop " + stopped).status, 0);
  EXPECT_EQ(verify(stopped).status, 0) << verify(stopped);
  expect_denied_in(drydock("egress log " + stopped));

  // Nobody is there when it ends.
  const std::string collected = start_refused();
  EXPECT_EQ(
      engine("kill -s KILL $(" + std::string(backend()) + " ps -q --filter label=io.drydock.role=agent)")
          .status,
      0);
  sh("sleep 1");
  EXPECT_EQ(drydock("-q gc").status, 0);
  EXPECT_TRUE(is_kept(collected));
  EXPECT_EQ(verify(collected).status, 0) << verify(collected);
  expect_denied_in(drydock("egress log " + collected));

  // One that is kept on the engine has said all when it ends, and again when it goes.
  const Outcome kept = run("--keep --allow allowed.test", "curl -sS https://denied.test/");
  const std::string id(trim(drydock("-q list --all --json | /usr/bin/python3 -c 'import json,sys; "
                                    "print(json.load(sys.stdin)[0][\"id\"])'")
                                .out));
  EXPECT_EQ(verify(id).status, 0) << verify(id) << kept;
  EXPECT_FALSE(is_kept(id));
  EXPECT_EQ(drydock("-q stop " + id).status, 0);
  EXPECT_TRUE(is_kept(id));
  EXPECT_EQ(verify(id).status, 0) << verify(id);
}

TEST_P(Decisions, J19_WhatWasDoneToItIsSeen) {
  const std::string session = start_refused();
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
  const std::string log = file(session);
  ASSERT_EQ(sh_as_user("cp " + log + " /tmp/sound.jsonl").status, 0);
  const int lines = std::stoi(sh_as_user("wc -l < /tmp/sound.jsonl").out);
  const std::string middle =
      std::string(trim(sh_as_user("grep -n 'denied.test' /tmp/sound.jsonl | head -1 | cut -d: -f1").out));
  const auto changed_by = [&](const std::string& command) {
    EXPECT_EQ(sh_as_user(command + " /tmp/sound.jsonl > " + log).status, 0);
    return verify(session);
  };
  const Outcome changed = changed_by("sed 's/denied.test/others.test/'");
  EXPECT_EQ(changed.status, 1) << changed;
  EXPECT_NE(changed.out.find("line " + middle + " of " + std::to_string(lines) + " is wrong (changed)"),
            std::string::npos)
      << changed;
  const Outcome missing = changed_by("sed '" + middle + "d'");
  EXPECT_EQ(missing.status, 1) << missing;
  EXPECT_NE(missing.out.find("line " + middle + " of "), std::string::npos) << missing;
  EXPECT_NE(missing.out.find("(missing)"), std::string::npos) << missing;
  for (const std::string command : {"head -n -1", "head -c -20", "head -n 2"}) {
    const Outcome truncated = changed_by(command);
    EXPECT_EQ(truncated.status, 1) << truncated;
    EXPECT_NE(truncated.out.find("truncated after "), std::string::npos) << truncated;
  }
  EXPECT_EQ(changed_by("cat").status, 0) << "the control: as it was";
  sh_as_user("rm -f /tmp/sound.jsonl");
}

TEST_P(Decisions, J19_AGuardThatWasKilledOrStartedAgainIsTold) {
  const std::string killed = start_refused();
  ASSERT_EQ(engine("kill -s KILL " + sidecar()).status, 0);
  EXPECT_EQ(drydock("-q stop " + killed).status, 0);
  const Outcome told = verify(killed);
  EXPECT_EQ(told.status, 0) << told;
  EXPECT_NE(told.out.find("a guard was killed"), std::string::npos) << told;
  expect_denied_in(drydock("egress log " + killed));

  const std::string again = start_refused();
  ASSERT_EQ(engine("restart -t 2 " + sidecar()).status, 0);
  sh("sleep 1");
  EXPECT_EQ(drydock("-q stop " + again).status, 0);
  const Outcome twice = verify(again);
  EXPECT_EQ(twice.status, 0) << twice;
  EXPECT_NE(twice.out.find("the guard was started 2 times"), std::string::npos) << twice;
  expect_denied_in(drydock("egress log " + again));
}

// More than an engine keeps of a container's output when nobody asks it for more: 10 MiB. An engine that is
// slow to read makes the guard leave lines out, and say how many: those written and those told are all.
TEST_P(Decisions, J19_ALongLogIsWhole) {
  constexpr int refusals = 28000;
  write_project_file("flood.py", R"(import os, socket, sys, threading, urllib.parse
proxy = urllib.parse.urlparse(os.environ['HTTPS_PROXY'])
def ask(thread):
    for i in range(int(sys.argv[1]) // 8):
        host = f'n{thread}-{i}.' + '.'.join(['x' * 60] * 3) + '.denied.test'
        with socket.create_connection((proxy.hostname, proxy.port)) as s:
            s.sendall(f'CONNECT {host}:443 HTTP/1.1\r\n\r\n'.encode())
            assert b' 403 ' in s.recv(4096)
threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)");
  const Outcome ran = run("-q", "python3 flood.py " + std::to_string(refusals));
  ASSERT_EQ(ran.status, 0) << ran;
  const Outcome listed = drydock("--json egress log --list");
  const Json logs = *find_member(parse_json(listed.out, "the list"), "logs");
  ASSERT_EQ(logs.size(), 1U) << listed;
  EXPECT_EQ(int_or(logs[0], "denied", 0), refusals) << listed;
  const Outcome told = sh_as_user("cat " + state + R"(/*.jsonl | python3 -c 'import json, sys
events = [json.loads(line) for line in sys.stdin]
written = sum(event["event"] == "denied" and event["host"].endswith(".denied.test") for event in events)
left_out = sum(event["count"] for event in events if event["event"] == "dropped")
print(written + left_out, "left out:", left_out)')");
  EXPECT_EQ(told.out.find(std::to_string(refusals) + " "), 0U) << told;
  EXPECT_GT(int_or(logs[0], "size", 0), 10 << 20) << "the control: " << listed;
  const Outcome whole = verify(require_string(logs[0], "session"));
  EXPECT_EQ(whole.status, 0) << whole;
  EXPECT_NE(whole.out.find("the chain holds"), std::string::npos) << whole;
}

// More than an engine keeps of a guard's lines: its beginning is gone then, and that is told apart from what
// somebody took. Between the real guard and its log is one that adds 150 MB of lines, in one chain with its.
TEST_P(Decisions, J19_ALogThatTheEngineHasCutIsToldApart) {
  const Outcome faked = replace_guard(R"(import hashlib, os, signal, subprocess, sys, threading
real = ['/usr/bin/real-guard'] + sys.argv[1:]
if sys.argv[1].startswith('--'): os.execv(real[0], real)
guard = subprocess.Popen(real, stdout=subprocess.PIPE)
signal.signal(signal.SIGTERM, lambda *_: guard.terminate())
lock, last, count = threading.Lock(), '0' * 64, 0
def write(body):
    global last, count
    with lock:
        body += ',"seq":' + str(count)
        last, count = hashlib.sha256((last + body).encode()).hexdigest(), count + 1
        sys.stdout.write(body + ',"chain":"' + last + '"}\n')
        sys.stdout.flush()
def flood():
    for n in range(20000): write('{"event":"denied","host":"n' + str(n) + 'x' * 7400 + '"')
    write('{"event":"denied","host":"the-last-one"')
for line in guard.stdout:
    line = line.decode()
    write(line[:line.rindex(',"seq":')])
    if '"event":"ready"' in line: threading.Thread(target=flood, daemon=True).start()
sys.exit(guard.wait())
)");
  ASSERT_EQ(faked.status, 0) << faked;
  const std::string session = start_serving("--allow allowed.test");
  in_agent("curl -sS https://allowed.test/");
  const Outcome flooded =
      sh_as_user("cd " + quote(project()) + "; for i in $(seq 60); do " + drydock_words() + " egress log " +
                 session + " 2>/dev/null | tail -9 | grep -q the-last-one && exit 0; sleep 1; done; exit 1");
  ASSERT_EQ(flooded.status, 0) << flooded;
  const Outcome live = verify(session);
  EXPECT_EQ(live.status, 3) << live;
  EXPECT_NE(live.out.find("the chain holds so far, up to "), std::string::npos) << live;
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
  ASSERT_EQ(drydock("build --no-cache").status, 0);
  const Outcome kept = verify(session);
  EXPECT_EQ(kept.status, 3) << kept;
  EXPECT_NE(kept.out.find("; bounded: its log is not whole: the first "), std::string::npos) << kept;
  const Json json = parse_json(drydock("--json egress log --verify " + session).out, "a verdict");
  EXPECT_EQ(json.at("state"), "bounded") << json;
  EXPECT_GE(json.at("gone"), 1000) << json;
  // One line more is gone than had gone when it was kept.
  ASSERT_EQ(sh_as_user("sed -i 1d " + file(session)).status, 0);
  const Outcome taken = verify(session);
  EXPECT_EQ(taken.status, 1) << taken;
  EXPECT_NE(taken.out.find("line 1 of "), std::string::npos) << taken;
  EXPECT_NE(
      taken.out.find("(missing): " + std::to_string(json.at("gone").get<int>() + 1) + " lines are missing"),
      std::string::npos)
      << taken;
}

INSTANTIATE_TEST_SUITE_P(Backend, Decisions, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
