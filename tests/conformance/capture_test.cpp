#include <unistd.h>

#include <regex>

// `drydock egress capture` on real engines: every name is let through, all else of the jail holds, and
// nothing stays open.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// A profile that says what switches its telemetry off.
constexpr const char* chatty_profile = R"({
  "schema": 1, "name": "chatty", "summary": "for this test", "command": ["sh"], "baseline": [],
  "telemetry_off": {"QUIET": "1"}})";
// What it does: it needs other.test, and tells denied.test of it. Each run leaves a line in "runs".
constexpr const char* chatty_command =
    "sh -c 'exec > /dev/null; echo run >> runs; curl -sS https://other.test/; test -n \"$QUIET\" || curl -sS "
    "https://denied.test/; cat >> input; exit $RESULT'";

class Capture : public Conformance {
 protected:
  void TearDown() override {
    if (!live_session().empty()) drydock("-q stop --all");
    sh_as_user("rm -rf ~/.config/drydock");
    Conformance::TearDown();
  }
  static std::string words(const std::string& options, const std::string& command) {
    return "egress capture --image " + std::string(test_image) + " " + options + " -- " + command;
  }
  // In the background, until its agent has written "up"; its process id is in the file "pid".
  Outcome begin() const {
    // A shell's background job would ignore SIGINT.
    return sh_as_user("cd " + quote(project()) + "; env --default-signal=INT " + drydock_words() + " " +
                      words("--yes", "sh -c 'echo up; sleep 1000'") +
                      " > out 2> err & echo $! > pid; for i in $(seq 300); do grep -q up out && exit 0; "
                      "sleep 0.1; done; cat err; exit 1");
  }
  Outcome kill_it(const std::string& signal) const {
    return sh_as_user("cd " + quote(project()) + "; kill -" + signal +
                      " $(cat pid); for i in $(seq 200); do kill -0 $(cat pid) 2>/dev/null || exit 0; "
                      "sleep 0.1; done; exit 1");
  }
};

TEST_P(Capture, G1_ListsWhatACommandNeedsAndNothingStaysOpen) {
  const Log dns("dns");
  const Outcome captured = drydock(
      words("--yes --allow allowed.test",
            "sh -c 'exec >/dev/null; curl -sS https://allowed.test/; curl -sS https://other.test/; curl -sS "
            "https://other.test/; for url in https://10.0.0.1/ https://rebind.test/ http://other.test/ "
            "https://other.test:8443/; do curl -sS $url; done; curl -sS --noproxy denied.test "
            "https://denied.test/; exit 3'"));
  EXPECT_EQ(captured.status, 3) << "the command's own: " << captured;
  EXPECT_TRUE(starts_with(captured.out, "other.test  # 2 tunnels, ")) << captured;
  for (const char* text : {"# allowed already: allowed.test, by allowed.test (--allow); 1 tunnel",
                           "# refused all the same: 10.0.0.1, 1 time: it is an address, not a host name\n",
                           "# refused all the same: other.test, 1 time: only port 443 is allowed\n",
                           "# refused all the same: rebind.test, "}) {
    EXPECT_NE(captured.out.find(text), std::string::npos) << text << "\n" << captured;
  }
  EXPECT_NE(captured.err.find("this is a capture"), std::string::npos) << captured;
  EXPECT_EQ(captured.out.find("https://"), std::string::npos) << captured;
  EXPECT_TRUE(dns.lines_with({"denied.test"}).empty());
  EXPECT_EQ(leftovers(), "");
  // Nothing is allowed that was not before, and the lines are what an allowlist takes.
  EXPECT_EQ(run("", "curl -sS https://other.test/").status, 56);
  write_project_file("lines", captured.out);
  const Outcome allowed = run("--allow-file lines", "curl -sS https://other.test/");
  EXPECT_EQ(allowed.status, 0) << allowed;
}

TEST_P(Capture, G1_AnAgentRunsTwiceAndWhatOnlyTelemetryAskedForIsAComment) {
  ASSERT_EQ(sh_as_user("mkdir -p ~/.config/drydock/agents; cat > ~/.config/drydock/agents/chatty.json "
                       "<< 'END'\n" +
                       std::string(chatty_profile) + "\nEND")
                .status,
            0);
  write_project_file("words", "read twice\n");
  const auto capture = [&](const std::string& options, const std::string& result) {
    sh("cd " + quote(project()) + "; rm -f runs input");
    return sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " " +
                      words("--yes -e RESULT=" + result + " " + options, chatty_command) + " < words");
  };
  const auto runs = [&] { return sh("cd " + quote(project()) + "; cat runs | wc -l").out; };
  const auto lists = [](const Outcome& captured, const std::string& text) {
    return ("\n" + captured.out).find(text) != std::string::npos;
  };
  const Outcome twice = capture("--agent chatty", "0");
  EXPECT_EQ(twice.status, 0) << twice;
  EXPECT_EQ(runs(), "2\n");
  EXPECT_TRUE(lists(twice, "\nother.test  # 1 tunnel, ")) << twice;
  EXPECT_TRUE(lists(twice, "\n# only with telemetry: denied.test; 1 tunnel")) << twice;
  EXPECT_FALSE(lists(twice, "\ndenied.test")) << twice;
  EXPECT_EQ(sh("cat " + quote(project() + "/input")).out, "read twice\nread twice\n");

  const Outcome once = capture("--once --agent chatty", "0");
  EXPECT_EQ(runs(), "1\n");
  EXPECT_TRUE(lists(once, "\nother.test  # ")) << once;
  EXPECT_FALSE(lists(once, "denied.test")) << once;

  const Outcome failed = capture("--agent chatty", "7");
  EXPECT_EQ(failed.status, 7) << failed;
  EXPECT_EQ(runs(), "1\n");
  EXPECT_NE(failed.err.find("the first run failed (exit status 7), and there is no second one"),
            std::string::npos)
      << failed;
  EXPECT_TRUE(lists(failed, "\nother.test  # ")) << failed;

  // Another command under the default agent's allowlist is none that is to be run twice.
  const Outcome other = capture("", "0");
  EXPECT_EQ(other.status, 0) << other;
  EXPECT_EQ(runs(), "1\n");
  EXPECT_EQ(capture("--once --twice --agent chatty", "0").status, 2);
  EXPECT_EQ(leftovers(), "");
}

TEST_P(Capture, G1_AsksFirst) {
  const Outcome unasked = drydock(words("", "true"));
  EXPECT_EQ(unasked.status, 2) << unasked;
  EXPECT_NE(unasked.err.find("hint: say so with --yes"), std::string::npos) << unasked;
  for (const std::string options :
       {"--yes -d", "--yes --keep", "--yes --no-log", "--yes --mode dood", "--yes --twice --agent shell"}) {
    const Outcome refused = drydock(words(options, "true"));
    EXPECT_EQ(refused.status, 2) << options << refused;
  }
  const auto on_terminal = [&](const std::string& answer, const std::string& then) {
    return sh_as_user("cd " + quote(project()) + "; export TERM=xterm; python3 " + DRYDOCK_PTY_DRIVER +
                      " -- " + drydock_words() + " " + words("", "echo done") +
                      " <<'END'\nexpect Go on? [y/N]\nsend " + answer + "\\r\n" + then + "\nsane\nEND");
  };
  const Outcome no = on_terminal("n", "expect nobody said yes\nwait 2");
  EXPECT_EQ(no.status, 0) << no;
  const Outcome yes = on_terminal("y", "expect this is a capture\nexpect done\nwait 0");
  EXPECT_EQ(yes.status, 0) << yes;
  // What runs twice is asked about as that.
  const Outcome both =
      sh_as_user("cd " + quote(project()) + "; export TERM=xterm; python3 " + DRYDOCK_PTY_DRIVER + " -- " +
                 drydock_words() + " " + words("--agent claude", "true") +
                 " <<'END'\nexpect The command runs twice: without the telemetry of agent "
                 "'claude'\nexpect Go on? [y/N]\nsend n\\r\nwait 2\nEND");
  EXPECT_EQ(both.status, 0) << both;
}

TEST_P(Capture, G1_ItIsToldWhileItRunsAndEndsWithWhoeverStartedIt) {
  ASSERT_EQ(begin().status, 0);
  const std::string list = drydock("list").out;
  EXPECT_NE(list.find("  capture  "), std::string::npos) << list;
  const Json sessions = parse_json(drydock("--json list").out, "the list");
  EXPECT_TRUE(bool_or(sessions.at(0), "capture", false));
  const std::string hosts = drydock("egress list --session " + live_session()).out;
  EXPECT_TRUE(std::regex_search(hosts, std::regex("(^|\\n)\\* +capture\\n"))) << hosts;
  EXPECT_EQ(kill_it("TERM").status, 0);
  EXPECT_EQ(leftovers(), "");

  for (const char* signal : {"INT", "HUP"}) {
    ASSERT_EQ(begin().status, 0);
    EXPECT_EQ(kill_it(signal).status, 0) << signal;
    EXPECT_EQ(leftovers(), "") << signal;
  }

  // Where drydock has no last word, the guard has: nothing is reached from then on, whoever cleans up when.
  ASSERT_EQ(begin().status, 0);
  const std::string agent(trim(engine("ps --format '{{.Names}}' --filter name=" + live_session() + "$").out));
  const auto ask = [&] { return engine("exec " + agent + " curl -sS -m 5 https://other.test/").status; };
  // Podman 5.4 has failed an exec so soon after the start, once in many.
  int control = ask();
  for (int i = 0; i < 20 && control != 0; ++i) {
    ::usleep(100'000);
    control = ask();
  }
  EXPECT_EQ(control, 0) << "the control";
  EXPECT_EQ(kill_it("KILL").status, 0);
  int status = 0;
  for (int i = 0; i < 100 && status == 0; ++i) {
    ::usleep(100'000);
    status = ask();
  }
  EXPECT_NE(status, 0) << "the capture goes on without its drydock";
  const Outcome collected = drydock("gc");
  EXPECT_EQ(collected.status, 0) << collected;
  EXPECT_EQ(leftovers(), "");
}

INSTANTIATE_TEST_SUITE_P(Backend, Capture, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
