// `drydock egress` on real engines: what it says of a session is what the session's jail does, and what it
// changes holds at once, for as long as it was said, and for nothing else.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/effective_allowlist.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Asks the session's proxy for tunnels, one argument each, and prints "AUTHORITY STATUS".
constexpr const char* ask_script = R"(import os, re, socket, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
for name in sys.argv[1:]:
    with socket.create_connection((host, int(port)), 15) as s:
        s.settimeout(15)
        s.sendall(f'CONNECT {name} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        reply = b''
        try:
            while piece := s.recv(4096):
                reply += piece
                if reply.startswith(b'HTTP/1.1 200'): break
        except OSError: pass
        print(name, reply.split()[1].decode() if reply.startswith(b'HTTP/') else 'closed')
        if b' --session ' in reply: print(reply.decode().strip().split('\n')[-1])
        if 'WORDS' in os.environ: print(reply.decode().split('\r\n')[0])
)";

// A tunnel to argv[1] with TLS in it that stays open; the file "held-HOST" says that it is up, "cut-HOST"
// when it has ended.
constexpr const char* hold_script = R"(import os, re, socket, ssl, sys, time
name = sys.argv[1]
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
s = socket.create_connection((host, int(port)))
s.sendall(f'CONNECT {name}:443 HTTP/1.1\r\n\r\n'.encode())
head = b''
while not head.endswith(b'\r\n\r\n'): head += s.recv(1) or exit('no answer')
assert b' 200 ' in head, head
tls = ssl.create_default_context().wrap_socket(s, server_hostname=name)
open('held-' + name, 'w').close()
tls.settimeout(40)
try: tls.recv(1)
except OSError: pass
open('cut-' + name, 'w').write(str(time.time()))
)";

// The user's, in shell text: root's $HOME is the lab's, and not the one that drydock asks for.
const std::string config = "\"$(getent passwd $(id -u) | cut -d: -f6)/.config/drydock\"";

class Egress : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    write_project_file("ask.py", ask_script);
    write_project_file("hold.py", hold_script);
  }
  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (!live_session().empty()) drydock("-q stop --all");
    Conformance::TearDown();
  }

  Outcome watch(const std::string& session, const std::vector<std::string>& steps) const {
    return sh_as_user("cd " + quote(project()) + "; export TERM=xterm; python3 " + DRYDOCK_PTY_DRIVER +
                      " -- " + drydock_words() + " egress watch " + session + " <<'END'\n" +
                      join(steps, "\n") + "\nEND");
  }
  std::string ask(const std::string& host) {
    return std::string(trim(in_agent("python3 ask.py " + host + ":443")));
  }
  void hold(const std::string& host) {
    in_agent("rm -f cut-" + host + "; python3 hold.py " + host + " > hold.log 2>&1 &");
    const Outcome held =
        sh("for i in $(seq 100); do test -e " + quote(project() + "/held-" + host) +
           " && exit 0; sleep 0.1; done; cat " + quote(project() + "/hold.log") + "; exit 1");
    ASSERT_EQ(held.status, 0) << held;
  }
  bool is_cut(const std::string& host, int tenths) {
    return sh("for i in $(seq " + std::to_string(tenths) + "); do test -s " +
              quote(project() + "/cut-" + host) + " && exit 0; sleep 0.1; done; exit 1")
               .status == 0;
  }
  std::string config_files() {
    return sh_as_user("cd " + config + " 2>/dev/null && md5sum * 2>/dev/null").out +
           sh_as_user(
               "cd \"$XDG_RUNTIME_DIR/drydock/sessions\" 2>/dev/null && md5sum */sidecar/* 2>/dev/null")
               .out;
  }
};

TEST_P(Egress, J18_WhatIsAllowedLiveHoldsAtOnceAndEndsByItself) {
  const std::string session = start_serving("--allow allowed.test");
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403");
  // What the refusal says is what a person would type.
  const std::string words = in_agent("python3 ask.py other.test:443");
  EXPECT_NE(words.find(": drydock egress allow other.test --session " + session), std::string::npos) << words;

  hold("allowed.test");
  const Outcome added = sh_as_user(
      "cd " + quote(project()) + "; begin=$(date +%s%N); " + drydock_words() +
      " egress allow other.test --session " + session +
      " --for 8s; status=$?; test $(($(date +%s%N) - begin)) -lt 4000000000 || echo late; exit $status");
  ASSERT_EQ(added.status, 0) << added;
  EXPECT_TRUE(starts_with(added.out, "added  other.test  live, until 20")) << added;
  EXPECT_EQ(added.out.find("late"), std::string::npos) << "on a busy machine too it is no matter of seconds";
  // Without a pause: what it has said holds already.
  EXPECT_EQ(ask("other.test"), "other.test:443 200");
  hold("other.test");
  const Outcome listed = drydock("egress list --session " + session);
  EXPECT_NE(listed.out.find("other.test"), std::string::npos) << listed;
  EXPECT_EQ(drydock("egress test --session " + session + " other.test").status, 0);

  EXPECT_TRUE(is_cut("other.test", 150)) << "the tunnel has outlived its time";
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403");
  EXPECT_EQ(drydock("-q egress test --session " + session + " other.test").status, 1);
  EXPECT_EQ(drydock("egress list --session " + session).out.find("other.test"), std::string::npos);
  EXPECT_FALSE(is_cut("allowed.test", 1)) << "a tunnel that is allowed was cut";
  // The engine may take its time with what it reads.
  const Outcome log = sh_as_user("cd " + quote(project()) + "; for i in $(seq 50); do " + drydock_words() +
                                 " logs --egress " + session +
                                 " > log; grep -q expired log && break; sleep 0.1; done; cat log");
  EXPECT_NE(log.out.find("expired"), std::string::npos) << log;
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J18_ARevokedHostLosesItsTunnelsAndNoOtherDoes) {
  const std::string session = start_serving("--allow allowed.test --allow '*.wild.test'");
  const Outcome added = drydock("egress allow other.test v4only.test a.wild.test --session " + session);
  ASSERT_EQ(added.status, 0) << added;
  hold("allowed.test");
  hold("other.test");
  hold("v4only.test");
  hold("a.wild.test");
  const Outcome revoked = drydock("egress revoke other.test a.wild.test --session " + session);
  ASSERT_EQ(revoked.status, 0) << revoked;
  EXPECT_NE(revoked.err.find("a.wild.test is still allowed, by *.wild.test (--allow)"), std::string::npos)
      << revoked;
  EXPECT_TRUE(is_cut("other.test", 10));
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403");
  for (const std::string host : {"allowed.test", "v4only.test", "a.wild.test"}) {
    EXPECT_FALSE(is_cut(host, 3)) << host;
    EXPECT_EQ(ask(host), host + ":443 200");
  }
  // Only what was added can be taken back, and a wrong one among several changes nothing.
  const std::string files = config_files();
  for (const std::string hosts :
       {"allowed.test", "v4only.test allowed.test", "other.test", "v4only.test nobody.test"}) {
    const Outcome refused = drydock("egress revoke " + hosts + " --session " + session);
    EXPECT_EQ(refused.status, 1) << hosts << " " << refused;
    EXPECT_NE(refused.err.find("drydock: error: cannot revoke host '"), std::string::npos) << refused;
  }
  EXPECT_EQ(config_files(), files);
  EXPECT_EQ(ask("v4only.test"), "v4only.test:443 200");
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J18_WhatIsWrongChangesNothing) {
  const std::string session = start_serving("--allow allowed.test");
  ASSERT_EQ(drydock("egress allow kept.test").status, 0);
  const std::string files = config_files();
  ASSERT_NE(files.find("guard.json"), std::string::npos);
  ASSERT_NE(files.find("egress-allowlist"), std::string::npos);
  for (const std::string hosts : {"'*.com'", "other.test 10.0.0.1", "https://other.test/", "other.test:80",
                                  "@nosuch", "'.*other.test'", "'other.test x'"}) {
    for (const std::string options : {"", "--global ", "--session "}) {
      const Outcome refused =
          drydock("egress allow " + hosts + " " + options + (options == "--session " ? session : ""));
      EXPECT_EQ(refused.status, 2) << hosts << options << " " << refused;
      EXPECT_NE(refused.err.find("\n  hint: "), std::string::npos) << refused;
    }
  }
  EXPECT_EQ(drydock("egress allow dry.test --dry-run").status, 0);
  EXPECT_EQ(drydock("egress allow dry.test --dry-run --session " + session).status, 0);
  EXPECT_EQ(drydock("egress allow allowed.test --session " + session).out,
            "present  allowed.test  --allow\n");
  EXPECT_EQ(config_files(), files);
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403");
  EXPECT_EQ(ask("allowed.test"), "allowed.test:443 200");

  // A file with an error in it is not made worse, and a session's guard that refuses a filter keeps the old
  // one.
  sh_as_user("cd " + config + " && echo '10.0.0.1' >> egress-allowlist");
  const std::string broken = config_files();
  EXPECT_EQ(drydock("egress allow other.test --global").status, 1);
  EXPECT_EQ(drydock("egress allow other.test").status, 1);
  EXPECT_EQ(config_files(), broken);
  sh_as_user("rm -rf " + config);
  sh_as_user("cd \"$XDG_RUNTIME_DIR/drydock/sessions/" + session +
             "/sidecar\" && echo 'MaxClients 1' >> tinyproxy.conf");
  const Outcome refused = drydock("egress allow other.test --session " + session);
  EXPECT_EQ(refused.status, 1) << refused;
  EXPECT_NE(refused.err.find("its guard did not take it: the old rules stay in force"), std::string::npos)
      << refused;
  EXPECT_EQ(drydock("egress list --session " + session).out.find("other.test"), std::string::npos);
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403");
  EXPECT_EQ(ask("allowed.test"), "allowed.test:443 200");
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J18_TwoThatAllowAtOnceLoseNothing) {
  const std::string session = start_serving("--allow allowed.test");
  const Outcome both =
      sh_as_user("cd " + quote(project()) + "; for i in 1 2 3 4; do " + drydock_words() +
                 " egress allow --session " + session + " h$i.wild.test & " + drydock_words() +
                 " egress allow h$i.wild.test & done; failed=0; for job in $(jobs -p); do wait $job || "
                 "failed=1; done; exit $failed");
  EXPECT_EQ(both.status, 0) << both;
  for (const std::string host : {"h1.wild.test", "h2.wild.test", "h3.wild.test", "h4.wild.test"}) {
    EXPECT_EQ(ask(host), host + ":443 200");
    EXPECT_EQ(drydock("egress test " + host).status, 0);
  }
  EXPECT_EQ(ask("h5.wild.test").substr(0, 20), "h5.wild.test:443 403");
  sh_as_user("rm -rf " + config);
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J2_TheMachinesListHoldsForEveryUserAndComesFirst) {
  const auto write_machine_list = [](const std::string& text) {
    // The lab's own /etc.
    std::filesystem::create_directories("/etc/drydock");
    std::ofstream(core::machine_allowlist_path) << text;
  };
  EXPECT_EQ(run("", "curl -sS https://other.test/").status, 56) << "the control";
  write_machine_list("# ours\nother.test\n");
  const Outcome reached = run("", "curl -sS https://other.test/");
  EXPECT_EQ(reached.status, 0) << reached;
  const Outcome known = drydock("egress allow --global other.test");
  EXPECT_NE(known.out.find("/etc/drydock/egress-allowlist:2"), std::string::npos) << known;
  EXPECT_NE(drydock("egress test other.test").out.find("/etc/drydock/egress-allowlist:2"), std::string::npos);
  write_machine_list("https://other.test/\n");
  const Outcome wrong = run("", "true");
  EXPECT_EQ(wrong.status, 125) << wrong;
  EXPECT_NE(wrong.err.find("/etc/drydock/egress-allowlist:1"), std::string::npos) << wrong;
  std::filesystem::remove(core::machine_allowlist_path);
}

TEST_P(Egress, J2_TestSaysWhatTheJailDoes) {
  const std::string session =
      start_serving("--allow allowed.test --allow '*.wild.test' --allow .v4only.test");
  ASSERT_EQ(drydock("egress allow other.test --session " + session).status, 0);
  const std::vector<std::string> hosts{"allowed.test:443",
                                       "ALLOWED.test:443",
                                       "a.allowed.test:443",
                                       "xallowed.test:443",
                                       "allowed.test.:443",
                                       "allowedxtest:443",
                                       "allowed.test:80",
                                       "allowed.test:0443",
                                       "wild.test:443",
                                       "a.wild.test:443",
                                       "a.b.wild.test:443",
                                       "a_b.wild.test:443",
                                       "v4only.test:443",
                                       "other.test:443",
                                       "denied.test:443",
                                       "127.0.0.1:443",
                                       "[::1]:443",
                                       "2130706433:443",
                                       "0x7f.1:443",
                                       "u@allowed.test:443",
                                       "allowed.test:443:443",
                                       "1.2.3.4/.wild.test:443"};
  std::string words;
  for (const std::string& host : hosts) words += " '" + host + "'";
  std::map<std::string, bool> done;
  for (const std::string& line : split(trim(in_agent("python3 ask.py" + words)), '\n')) {
    const auto space = line.rfind(' ');
    if (line.find(" --session ") == std::string::npos)
      done[line.substr(0, space)] = line.substr(space + 1) == "200";
  }
  const Outcome told = drydock("--json egress test --session " + session + words);
  EXPECT_EQ(told.status, 1) << told;
  const Json json = parse_json(told.out, "egress test");
  int allowed = 0;
  for (const Json& host : *find_member(json, "hosts")) {
    const std::string authority = require_string(host, "authority");
    ASSERT_EQ(done.count(authority), 1U) << authority;
    EXPECT_EQ(bool_or(host, "allowed", false), done[authority]) << host;
    allowed += done[authority] ? 1 : 0;
  }
  EXPECT_EQ(find_member(json, "hosts")->size(), hosts.size());
  EXPECT_EQ(allowed, 6) << "the control: these are reached";
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J19_WhatWasRefusedIsToldWithWhatAllowsIt) {
  const std::string session = start_serving("--allow allowed.test --allow rebind.test");
  const Outcome nothing = drydock("egress denied " + session);
  EXPECT_EQ(nothing.out, "") << nothing;
  const std::string words = in_agent(
      "WORDS=1 python3 ask.py denied.test:443 denied.test:443 10.0.0.1:443 rebind.test:443 allowed.test:443 "
      "other.test:80 other.test.:443 u@other.test:443");
  const std::string allow = "drydock egress allow denied.test --session " + session;
  Json json;
  // What tinyproxy refuses comes by its log.
  for (int i = 0; i < 30; ++i) {
    json = parse_json(drydock("--json egress denied " + session).out, "egress denied");
    if (int_or(json, "total", 0) >= 7) break;
    sh("sleep 0.1");
  }
  EXPECT_EQ(int_or(json, "total", 0), 7) << json;
  std::map<std::string, Json> by_host;
  for (const Json& denial : *find_member(json, "denied")) by_host[require_string(denial, "host")] = denial;
  ASSERT_EQ(by_host.size(), 6U) << json;
  EXPECT_EQ(find_member(json, "denied")->front()["host"], "denied.test");
  EXPECT_EQ(by_host["denied.test"]["count"], 2);
  EXPECT_EQ(by_host["denied.test"]["allow"], allow);
  EXPECT_EQ(by_host["denied.test"]["reason"], "not on the allowlist");
  // As the client was told it.
  for (const auto& [host, reason] : {std::pair{"10.0.0.1", "it is an address, not a host name"},
                                     std::pair{"other.test", "only port 443 is allowed"},
                                     std::pair{"other.test.", "it is not a host name"},
                                     std::pair{"u@other.test", "it is not a host name"}}) {
    EXPECT_EQ(by_host[host]["reason"], reason) << json;
    const std::string port = by_host[host]["port"].dump();
    EXPECT_NE(words.find("drydock refused " + std::string(host) + ":" + port + ": " + reason + "\n"),
              std::string::npos)
        << words;
  }
  for (const std::string host : {"10.0.0.1", "rebind.test", "other.test", "other.test.", "u@other.test"})
    EXPECT_TRUE(by_host[host]["allow"].is_null()) << host;
  EXPECT_NE(drydock("egress denied " + session).out.find(allow), std::string::npos);
  EXPECT_EQ(drydock("egress log " + session).out, drydock("logs --egress " + session).out);
  EXPECT_NE(drydock("egress log " + session).out.find("denied.test:443"), std::string::npos);
  // As it was told.
  EXPECT_EQ(sh_as_user("cd /; " + drydock_words() + allow.substr(7)).status, 0);
  EXPECT_EQ(ask("denied.test"), "denied.test:443 200");

  const Outcome stopped = drydock("stop " + session);
  EXPECT_EQ(stopped.status, 0);
  EXPECT_NE(stopped.err.find("session " + session +
                             " was refused 7 times:\ndrydock:   denied.test, 2 times: not on"),
            std::string::npos)
      << stopped;
  EXPECT_NE(stopped.err.find("allow with: drydock egress allow denied.test\n"), std::string::npos) << stopped;
}

TEST_P(Egress, J19_TheSummaryIsForThoseWhoWantOne) {
  const Outcome told =
      run("--allow allowed.test", "python3 ask.py denied.test:443 allowed.test:443 $'a\\x1b[31mb:443'");
  EXPECT_NE(told.err.find(" was refused "), std::string::npos) << told;
  EXPECT_NE(told.err.find("drydock egress allow denied.test\n"), std::string::npos) << told;
  EXPECT_EQ(told.err.find('\x1b'), std::string::npos) << "a name was printed as it came";
  EXPECT_EQ(run("-q --allow allowed.test", "python3 ask.py denied.test:443").err, "");
  const Outcome none = run("--allow allowed.test", "python3 ask.py allowed.test:443");
  EXPECT_EQ(none.err.find("refused"), std::string::npos) << none;
  // Hostile names in any number make no more than a short list.
  const Outcome many =
      run("", "sh -c 'for i in $(seq 40); do echo n$i.test:443; done | xargs python3 ask.py'");
  EXPECT_NE(many.err.find("and 30 more hosts or reasons"), std::string::npos) << many;
  EXPECT_LT(many.err.size(), 2500U);
}

TEST_P(Egress, J18_AKeyOfTheWatcherAllowsAHost) {
  const std::string session = start_serving("--allow allowed.test");
  ask("denied.test");
  const Outcome watched =
      watch(session, {R"(expect \x1b[?1049h)", "raw", "expect denied.test", "send s",
                      "expect is allowed for this session", "send q", R"(expect \x1b[?1049l)",
                      "expect left session", "wait 0", "sane", "alone"});
  ASSERT_EQ(watched.status, 0) << watched;
  EXPECT_EQ(ask("denied.test"), "denied.test:443 200");
  EXPECT_EQ(sh_as_user("cat " + config + "/egress-allowlist*").out, "") << "a file was changed";

  ask("other.test");
  const Outcome kept =
      watch(session, {"expect other.test", "send p", "expect and this project", "send q", "wait 0"});
  ASSERT_EQ(kept.status, 0) << kept;
  EXPECT_EQ(ask("other.test"), "other.test:443 200");
  EXPECT_EQ(drydock("egress test other.test").status, 0);
  EXPECT_EQ(drydock("egress test denied.test").status, 1);
  EXPECT_EQ(sh_as_user("cat " + config + "/egress-allowlist").out, "") << "the user's file was changed";
  // A file that cannot be written does not keep the session from its yes, and the screen says both.
  ask("v4only.test");
  // In its folder's place is a file: for root too.
  sh_as_user("mv " + config + " " + config + ".aside && touch " + config);
  const Outcome half =
      watch(session, {"expect v4only.test", "send p",
                      "expect v4only.test is allowed for this session alone: cannot", "send q", "wait 0"});
  sh_as_user("rm " + config + " && mv " + config + ".aside " + config);
  EXPECT_EQ(half.status, 0) << half;
  EXPECT_EQ(ask("v4only.test"), "v4only.test:443 200");
  EXPECT_EQ(drydock("egress test v4only.test").status, 1);
  // A signal leaves the terminal as it was, and SIGKILL too.
  for (const auto& [signal, status] : {std::pair{"TERM", "143"}, std::pair{"INT", "130"}}) {
    const Outcome ended =
        watch(session, {R"(expect \x1b[?1049h)", "raw", "kill " + std::string(signal),
                        R"(expect \x1b[?1049l)", "wait " + std::string(status), "sane", "alone"});
    EXPECT_EQ(ended.status, 0) << ended;
  }
  const Outcome killed = watch(session, {R"(expect \x1b[?1049h)", "raw", "kill KILL", R"(expect \x1b[?1049l)",
                                         "wait 137", "sane", "alone"});
  EXPECT_EQ(killed.status, 0) << killed;
  const Outcome stopped =
      watch(session, {R"(expect \x1b[?1049h)", "kill TSTP", "stopped", R"(expect \x1b[?1049l)", "sane",
                      "continue", R"(expect \x1b[?1049h)", "send q", "wait 0", "sane"});
  EXPECT_EQ(stopped.status, 0) << stopped;
  sh_as_user("rm -rf " + config);
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Egress, J19_WithoutATerminalTheWatcherWritesALineADecision) {
  const std::string session = start_serving("--allow allowed.test");
  ask("denied.test");
  ask("allowed.test");
  const Outcome watched = sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " egress watch " +
                                     session + " > lines & pid=$!; " + drydock_words() +
                                     " --json egress watch " + session + " > json & json=$!; sleep 1; " +
                                     drydock_words() + " -q stop " + session + "; wait $pid && wait $json");
  EXPECT_EQ(watched.status, 0) << "it ends with the session: " << watched;
  const std::string text = sh("cat " + quote(project() + "/lines")).out;
  EXPECT_NE(text.find("denied.test:443"), std::string::npos) << text;
  EXPECT_EQ(text.find("ready"), std::string::npos) << "that is no decision";
  for (const std::string& line : split(trim(sh("cat " + quote(project() + "/json")).out), '\n'))
    EXPECT_FALSE(string_or(parse_json(line, "a decision"), "event").empty()) << line;
}

TEST_P(Egress, J2_WhatAsksWaitsForAYesAndNothingElseIsOtherwise) {
  const std::string session = start_serving("--ask --allow allowed.test");
  // What the agent asks for once somebody looks on, and says so by the file "go".
  const auto ask_later = [&](const std::string& hosts) {
    sh("rm -f " + quote(project() + "/go"));
    in_agent("rm -f asked; (for i in $(seq 200); do test -e go && break; sleep 0.1; done; python3 ask.py " +
             hosts + "; echo over) > asked 2>&1 &");
  };
  const auto asked = [&] {
    return sh("cd " + quote(project()) +
              "; for i in $(seq 100); do grep -q over asked && break; sleep 0.1; done; "
              "cat asked")
        .out;
  };
  const Log dns("dns");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403") << "nobody looks on";
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));

  ask_later("other.test:443");
  const Outcome left =
      watch(session, {"expect HOST", "note go", "expect ASKS    other.test", "sleep 1", "send q", "wait 0"});
  EXPECT_EQ(left.status, 0) << left;
  EXPECT_NE(asked().find("other.test:443 403"), std::string::npos) << asked();
  EXPECT_TRUE(dns.lines_with({"other.test"}).empty()) << "it was looked up before anybody said yes";

  ask_later("10.0.0.1:443 denied.test:80 u@denied.test:443 2130706433:443 allowed.test:443");
  const Outcome quiet = watch(session, {"expect denied ", "note go", "expect allowed.test", "sleep 1",
                                        "absent ASKS", "send q", "wait 0"});
  EXPECT_EQ(quiet.status, 0) << quiet;
  for (const std::string line : {"10.0.0.1:443 403", "denied.test:80 403", "u@denied.test:443 40",
                                 "2130706433:443 403", "allowed.test:443 200"})
    EXPECT_NE(asked().find(line), std::string::npos) << line << "\n" << asked();

  ask_later("denied.test:443");
  const Outcome yes = watch(session, {"expect denied ", "note go", "expect ASKS    denied.test", "send s",
                                      "expect is allowed for this session", "send q", "wait 0"});
  EXPECT_EQ(yes.status, 0) << yes;
  EXPECT_NE(asked().find("denied.test:443 200"), std::string::npos) << asked();
  EXPECT_EQ(ask("other.test").substr(0, 18), "other.test:443 403") << "a yes is for one host";
  // tinyproxy refused it first; in the end it was allowed.
  const Outcome denied = drydock("egress denied " + session);
  EXPECT_EQ(denied.out.find("drydock egress allow denied.test"), std::string::npos) << denied;
  EXPECT_NE(denied.out.find("drydock egress allow other.test"), std::string::npos)
      << "the control: " << denied;
  EXPECT_EQ(drydock("egress log --verify " + session).status, 0);
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Egress, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
