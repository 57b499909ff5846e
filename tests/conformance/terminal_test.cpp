// A session on a terminal, as a person has it: tests/support/pty_driver.py types and looks.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Terminal : public Conformance {
 protected:
  // drydock ARGUMENTS on a terminal of its own, and what happens there.
  Outcome on_terminal(const std::string& arguments, const std::vector<std::string>& steps,
                      const std::string& size = "24x80") const {
    return sh_as_user("cd " + quote(project()) + "; export TERM=xterm; python3 " + DRYDOCK_PTY_DRIVER +
                      " --size " + size + " -- " + drydock_words() + " " + arguments + " <<'END'\n" +
                      join(steps, "\n") + "\nEND");
  }
  Outcome run_on_terminal(const std::string& command, const std::vector<std::string>& steps) const {
    return on_terminal("run --image " + std::string(test_image) + " -- " + command, steps);
  }
};

// A shell that does not edit its lines: busybox's asks the terminal where its cursor is, and takes what is
// typed meanwhile for the answer.
constexpr const char* shell =
    R"(sh -c 'trap "echo interrupted" INT; echo up; while read -r line; do eval "$line"; done; exit 0')";

// What to type so that it answers "is-SIZE" as soon as that is the terminal's size: the first answers may be
// from before it came through.
std::string ask_until(const std::string& size) {
  return "send until test \"$(stty size)\" = \"" + size + "\"; do sleep 0.1; done; echo is-$(stty size)\\r";
}

TEST_P(Terminal, TypeResizeDetachAndComeBack) {
  const Outcome first =
      run_on_terminal(shell, {"expect up", "raw", R"(send stty size\r)", "expect 24 80", "size 40x100",
                              ask_until("40 100"), "expect is-40 100", R"(send marker=kept\r)",
                              R"(send \x1d\x1d)", "expect detached", "sane", "wait 0", "alone"});
  ASSERT_EQ(first.status, 0) << first;
  const Outcome second = on_terminal("attach",
                                     {"raw", ask_until("30 90"), "expect is-30 90", R"(send echo $marker\r)",
                                      "expect kept", R"(send sleep 100\r)", "sleep 1", R"(send \x03)",
                                      "expect interrupted", R"(send \x04)", "wait 0", "sane", "alone"},
                                     "30x90");
  EXPECT_EQ(second.status, 0) << second;
  EXPECT_EQ(leftovers(), "");
}

TEST_P(Terminal, TheScreenComesBackAfterReattach) {
  const Outcome started =
      run("-d -t", "sh -c 'trap \"echo painted $(stty size)\" WINCH; echo up; while :; do sleep 0.1; done'");
  ASSERT_EQ(started.status, 0) << started;
  // Twice with the same size: the second time nothing but attach itself makes the program paint.
  for (int i = 0; i < 2; ++i) {
    const Outcome attached = on_terminal(
        "attach", {"raw", "expect painted", R"(send \x1d\x1d)", "expect detached", "wait 0", "sane"});
    EXPECT_EQ(attached.status, 0) << attached;
  }
  EXPECT_EQ(drydock("stop").status, 0);
}

TEST_P(Terminal, AKilledDrydockLeavesTheTerminalAsItWas) {
  const Outcome killed =
      run_on_terminal(shell, {"expect up", "raw", "kill KILL", "wait 137", "sane", "alone"});
  EXPECT_EQ(killed.status, 0) << killed;
  EXPECT_EQ(sh("pgrep -u dev drydock-tty").out, "") << "the watchdog is left behind";
  const Outcome collected = drydock("gc");
  EXPECT_NE(collected.out.find("gone"), std::string::npos) << collected;
}

TEST_P(Terminal, SignalsThatEndIt) {
  for (const auto& [signal, status] : {std::pair{"TERM", "143"}, std::pair{"INT", "130"}}) {
    const Outcome ended = run_on_terminal(shell, {"expect up", "raw", "kill " + std::string(signal),
                                                  "wait " + std::string(status), "sane", "alone"});
    EXPECT_EQ(ended.status, 0) << ended;
    EXPECT_EQ(leftovers(), "");
  }
  for (const char* signal : {"QUIT", "ABRT"}) {
    const Outcome fatal =
        run_on_terminal(shell, {"expect up", "raw", "kill " + std::string(signal), "sane", "alone"});
    EXPECT_EQ(fatal.status, 0) << signal << " " << fatal;
    EXPECT_EQ(drydock("gc").status, 0);
  }
}

TEST_P(Terminal, AClosedTerminalLeavesTheSessionRunning) {
  const Outcome hung_up = run_on_terminal(shell, {"expect up", "raw", "size 40x100", "hangup", "wait 129"});
  EXPECT_EQ(hung_up.status, 0) << hung_up;
  const Outcome list = drydock("list");
  EXPECT_NE(list.out.find("detached"), std::string::npos) << list;
  EXPECT_EQ(drydock("gc").out, "") << "a live session was collected";
  const Outcome back = on_terminal(
      "attach", {"raw", R"(send echo $((40 + 2))\r)", "expect 42", R"(send exit 5\r)", "wait 5", "sane"});
  EXPECT_EQ(back.status, 0) << back;
}

TEST_P(Terminal, StoppingGivesTheTerminalBackAndContinuingTakesIt) {
  const Outcome stopped = run_on_terminal(
      shell, {"expect up", "raw", "kill TSTP", "stopped", "sane", "continue", "raw",
              R"(send echo $((40 + 2))\r)", "expect 42", R"(send exit 6\r)", "wait 6", "sane", "alone"});
  EXPECT_EQ(stopped.status, 0) << stopped;
}

TEST_P(Terminal, ABigPasteArrivesWhole) {
  write_project_file("take.py", R"(import hashlib, os, tty
tty.setraw(0)
print('ready', end='\r\n', flush=True)
left, digest = 1 << 20, hashlib.sha256()
while left:
    got = os.read(0, min(left, 65536))
    left -= len(got)
    digest.update(got)
print(digest.hexdigest(), end='\r\n', flush=True)
)");
  const Outcome pasted = run_on_terminal(
      "python3 take.py", {"expect ready", "paste 1048576", "pasted", "wait 0", "sane", "alone"});
  EXPECT_EQ(pasted.status, 0) << pasted;
}

TEST_P(Terminal, AStormOfResizesEndsWithTheLastSize) {
  write_project_file("size.py", R"(import os, time
print('up', flush=True)
for i in range(600):
    print(f'at {os.get_terminal_size().lines} {os.get_terminal_size().columns};', flush=True)
    time.sleep(0.05)
    if os.path.exists('over'): break
)");
  const Outcome sized = run_on_terminal(
      "python3 size.py", {"expect up", "storm 300 60x200", "expect at 60 200;", "expect at 60 200;",
                          "storm 300 24x80", "expect at 24 80;", "note over", "wait 0", "sane", "alone"});
  EXPECT_EQ(sized.status, 0) << sized;
}

TEST_P(Terminal, ProgramsThatTakeTheWholeScreen) {
  write_project_file("text", "first line\n");
  constexpr const char* alternate = R"(\x1b[?1049h)";
  const std::string enter = std::string("expect ") + alternate;
  const std::string leave = R"(expect \x1b[?1049l)";
  const std::string quit = R"(press q \x1b[?1049l)";
  const Outcome less =
      run_on_terminal("less text", {enter, "expect first line", "expect (END)", "size 30x100", "expect (END)",
                                    quit, "wait 0", "sane", "alone"});
  EXPECT_EQ(less.status, 0) << less;
  const Outcome vim = run_on_terminal(
      "vim -u NONE text", {enter, "expect first line", "storm 50 40x120", R"(send osecond line\x1b)",
                           "expect second", R"(send :wq\r)", leave, "wait 0", "sane", "alone"});
  EXPECT_EQ(vim.status, 0) << vim;
  EXPECT_EQ(sh("cat " + quote(project() + "/text")).out, "first line\nsecond line\n");
  const Outcome htop =
      run_on_terminal("htop", {enter, "expect htop", "size 30x100", quit, "wait 0", "sane", "alone"});
  EXPECT_EQ(htop.status, 0) << htop;
}

TEST_P(Terminal, ExecHasATerminalToo) {
  const Outcome started = run("-d", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const Outcome exec =
      on_terminal("exec -it -- sh",
                  {"raw", R"(send stty size\r)", "expect 33 77", "size 20x60", "sleep 0.5",
                   R"(send stty size\r)", "expect 20 60", R"(send exit 9\r)", "wait 9", "sane", "alone"},
                  "33x77");
  EXPECT_EQ(exec.status, 0) << exec;
  const Outcome missing = on_terminal("exec -it -- nope", {"expect was not found", "wait 127", "sane"});
  EXPECT_EQ(missing.status, 0) << missing;
  EXPECT_EQ(drydock("stop").status, 0);
}

TEST_P(Terminal, AMenuAsksWhichSession) {
  const std::string first(trim(run("-d", "sleep 1000").out));
  const std::string second(trim(run("-d --name chosen", "sleep 1000").out));
  const Outcome asked = on_terminal("exec -- echo picked", {"expect " + first, "expect Which one?",
                                                            R"(send 1\r)", "expect picked", "wait 0"});
  EXPECT_EQ(asked.status, 0) << asked;
  const Outcome none = on_terminal("exec -- echo picked",
                                   {"expect Which one?", R"(send \r)", "expect none was chosen", "wait 2"});
  EXPECT_EQ(none.status, 0) << none;
  EXPECT_EQ(drydock("stop --all").status, 0);
}

// What is typed for setup-token is not on the screen, and the terminal's own mode comes back.
TEST_P(Terminal, ATokenIsNotShown) {
  const std::string ask = "setup-token claude --name ANTHROPIC_API_KEY";
  const Outcome typed = on_terminal(ask, {"expect it is not shown", "raw", R"(send wrong\x15hushx\x7f-123\r)",
                                          "wait 0", "absent hush", "absent wrong", "expect kept", "sane"});
  EXPECT_EQ(typed.status, 0) << typed;
  const std::string folder = "${XDG_STATE_HOME:-$HOME/.local/state}/drydock/agents/claude/tokens/";
  EXPECT_EQ(sh_as_user("cat " + folder + "ANTHROPIC_API_KEY").out, "hush-123\n")
      << "the control: it was typed";
  const Outcome interrupted =
      on_terminal(ask, {"expect it is not shown", R"(send hush\x03)", "wait 130", "absent hush", "sane"});
  EXPECT_EQ(interrupted.status, 0) << interrupted;
  const Outcome killed =
      on_terminal(ask, {"expect it is not shown", "raw", "kill KILL", "wait 137", "sane", "alone"});
  EXPECT_EQ(killed.status, 0) << killed;
  EXPECT_EQ(sh_as_user("ls -A " + folder).out, "ANTHROPIC_API_KEY\n") << "nothing half-made";
  EXPECT_EQ(drydock("revoke-token claude").status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Terminal, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
