// J25 (INV-2): each session has a copy of the agent's state of its own, and nothing of the host's.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

constexpr const char* profile = R"({
  "schema": 1, "name": "demo", "summary": "for this test", "command": ["sh"], "baseline": [],
  "state": [{"path": ".demo", "kind": "folder"}, {"path": ".demo.json", "kind": "file"}],
  "transcripts": [".demo/talks"], "whole": [".demo/talks/*/memory"], "login": [".demo/login"], "sync": [".demo/settings", ".demo/commands"]
})";

class State : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    home_ = std::string(trim(sh_as_user("echo $HOME").out));
    ASSERT_EQ(
        sh_as_user("mkdir -p ~/.config/drydock/agents ~/.demo/commands; cat > "
                   "~/.config/drydock/agents/demo.json << 'END'\n" +
                   std::string(profile) +
                   "\nEND\necho host | tee ~/.demo/settings ~/.demo/commands/a ~/.demo/login ~/.demo/private "
                   "> ~/.demo.json; rm -rf ~/.local/state/drydock")
            .status,
        0);
  }
  void TearDown() override {
    if (!live_session().empty()) drydock("stop --all");
    EXPECT_EQ(sh("find " + home_ + "/.local/state/drydock/agents/*/sessions -mindepth 1 2> /dev/null").out,
              "")
        << "the state of a session is left";
    sh_as_user("rm -rf ~/.config/drydock/agents ~/.demo ~/.demo.json ~/.local/state/drydock");
    Conformance::TearDown();
  }
  Outcome agent(const std::string& command, const std::string& options = {}) const {
    return run("-q --agent demo " + options, "sh -c " + quote(command));
  }
  Outcome kept(const std::string& path) const {
    return sh("cat " + home_ + "/.local/state/drydock/agents/demo/" + path);
  }

  std::string home_;
};

TEST_P(State, J25_TheHostsOwnStateIsNeitherSeenNorChanged) {
  const Outcome seen = agent(
      "cd; find . -type f; echo mine | tee .demo/settings .demo/x > .demo.json; mv .demo.json j; mv j "
      ".demo.json; "
      "id -u; stat -c %u .demo .demo/x; grep -c ' /home/agent ' /proc/self/mountinfo");
  EXPECT_EQ(seen.status, 0) << seen;
  EXPECT_EQ(seen.out, "1000\n1000\n1000\n1\n") << seen;
  EXPECT_EQ(sh("cat " + home_ + "/.demo/settings " + home_ + "/.demo.json; ls -A " + home_ + "/.demo").out,
            "host\nhost\ncommands\nlogin\nprivate\nsettings\n")
      << "the control: it is there, and as it was";
  EXPECT_EQ(agent("cd; find . -type f").out, "") << "nothing of one session is in the next";
  const Outcome mounted = agent("true", "--mount " + home_ + "/.demo:/mnt/demo");
  EXPECT_NE(mounted.status, 0) << "INV-2 " << mounted;
}

TEST_P(State, J25_WhatIsSyncedIsInEachSessionAndIsItsOwn) {
  const Outcome planned = drydock("sync --agent demo --dry-run");
  EXPECT_EQ(planned.out, "~/.demo/settings\n~/.demo/commands/a\n") << planned;
  EXPECT_EQ(agent("cd; find . -type f").out, "") << "a dry run brings nothing";
  ASSERT_EQ(drydock("sync --agent demo").status, 0);
  const std::string look = "cd; find . -type f | sort; cat .demo/settings; echo changed > .demo/settings";
  for (int i = 0; i < 2; ++i) {
    const Outcome seen = agent(look);
    EXPECT_EQ(seen.out, "./.demo/commands/a\n./.demo/settings\nhost\n") << seen;
  }
  EXPECT_EQ(kept("prototype/.demo/settings").out, "host\n");
  const std::string secret = home_ + "/.demo/commands/link";
  ASSERT_EQ(sh_as_user("ln -s ~/.demo/login " + secret).status, 0);
  const Outcome refused = drydock("sync --agent demo");
  EXPECT_EQ(refused.status, 1) << refused;
  EXPECT_NE(refused.err.find("it is a link"), std::string::npos) << refused;
  EXPECT_EQ(agent(look).out, "./.demo/commands/a\n./.demo/settings\nhost\n");
}

TEST_P(State, J25_AConversationAndALoginAreInTheNextSession) {
  const Outcome wrote = agent(
      "cd; mkdir -p .demo/talks/p; echo hello > .demo/talks/p/1; echo token > .demo/login; "
      "ln -s /etc/passwd .demo/talks/link; mkfifo .demo/talks/pipe; chmod 0 .demo; true");
  EXPECT_EQ(wrote.status, 0) << wrote;
  // Root reads what is shut.
  if (sh_as_user("id -u").out != "0\n") {
    EXPECT_NE(kept("transcripts/*/.demo/talks/p/1").out, "hello\n") << "it had shut itself out";
  }
  ASSERT_EQ(agent("cd; mkdir -p .demo/talks/p; echo hello > .demo/talks/p/1; echo token > .demo/login; "
                  "ln -s /etc/passwd .demo/talks/link; mkfifo .demo/talks/pipe")
                .status,
            0);
  const Outcome next =
      agent("cd; cat .demo/talks/p/1 .demo/login; ls .demo/talks; echo more >> .demo/talks/p/1");
  EXPECT_EQ(next.out, "hello\ntoken\np\n") << next;
  EXPECT_EQ(kept("transcripts/*/.demo/talks/p/1").out, "hello\nmore\n");
  EXPECT_EQ(trim(sh("stat -c %a " + home_ + "/.local/state/drydock/agents/demo/login/.demo/login").out),
            "600");
  const Outcome other =
      sh_as_user("mkdir -p ~/other && chown 1000:1000 ~/other && cd ~/other && " + drydock_words() +
                 " run -q --agent demo --image " + test_image + " -- sh -c 'ls -A ~/.demo'; rm -r ~/other");
  EXPECT_EQ(other.out, "login\n") << "the conversations of another project are not there " << other;
}

// The agent of a session that is misled has the conversations of all earlier ones.
TEST_P(State, J25_AConversationIsContinuedAndNeverRewritten) {
  ASSERT_EQ(agent("mkdir ~/.demo/talks; echo hello > ~/.demo/talks/1").status, 0);
  const Outcome continued = agent("echo more >> ~/.demo/talks/1");
  EXPECT_EQ(continued.err, "") << "the control";
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1").out, "hello\nmore\n") << "the control";
  const Outcome rewritten = agent("cd ~/.demo/talks; printf 'HELLO\\nmore\\nand lies\\n' > 1; true");
  EXPECT_EQ(rewritten.status, 0) << rewritten;
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1").out, "hello\nmore\n");
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1~*").out, "HELLO\nmore\nand lies\n");
  EXPECT_NE(rewritten.err.find("/.demo/talks/1~"), std::string::npos) << rewritten;
  EXPECT_EQ(agent("rm -r ~/.demo/talks").status, 0);
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1").out, "hello\nmore\n");
}

// A memory is changed in place, and lies among the conversations.
TEST_P(State, J25_AMemoryChangesFromSessionToSession) {
  const std::string notes = ".demo/talks/p/memory/notes";
  ASSERT_EQ(agent("cd; mkdir -p .demo/talks/p/memory; echo one > " + notes + "; echo hello > .demo/talks/p/1")
                .status,
            0);
  const Outcome second = agent("cd; cat .demo/talks/p/1 " + notes + "; echo two > " + notes);
  EXPECT_EQ(second.out, "hello\none\n") << second;
  EXPECT_EQ(second.err, "") << second;
  const Outcome third = agent("cd; cat " + notes + "; ls .demo/talks/p/memory");
  EXPECT_EQ(third.out, "two\nnotes\n") << third;
  EXPECT_EQ(kept("whole/*/earlier/*/" + notes).out, "one\n");

  // Two at once.
  const std::string id = start_serving("--agent demo");
  EXPECT_EQ(in_agent("cd; cat " + notes + "; echo left > " + notes), "two\n");
  EXPECT_EQ(agent("cd; cat " + notes + "; echo three > " + notes).out, "two\n");
  const Outcome stopped = drydock("stop " + id);
  EXPECT_EQ(stopped.status, 0) << stopped;
  EXPECT_NE(stopped.err.find(" ended while this one ran: the next one begins with this one's "
                             "'~/.demo/talks/*/memory'; that of "),
            std::string::npos)
      << stopped;
  EXPECT_EQ(agent("cd; cat " + notes).out, "left\n");
  EXPECT_NE(kept("whole/*/*/" + notes).out.find("three\n"), std::string::npos) << "it is there";
}

TEST_P(State, J25_FilesOfTheUsersOwnAreOverWhatWasSynced) {
  const std::string overlay = home_ + "/.config/drydock/agents/demo.overlay";
  ASSERT_EQ(drydock("sync --agent demo").status, 0);
  const std::string look = "cd; cat .demo/settings .demo/commands/a; echo changed > .demo/settings";
  EXPECT_EQ(agent(look).out, "host\nhost\n") << "the control";
  ASSERT_EQ(sh_as_user("mkdir -p " + overlay + "/.demo; echo over > " + overlay + "/.demo/settings").status,
            0);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(agent(look).out, "over\nhost\n") << i;
  const Outcome listed = drydock("agents demo");
  EXPECT_NE(listed.err.find(overlay), std::string::npos) << listed;
  ASSERT_EQ(sh_as_user("ln -s ~/.demo/login " + overlay + "/.demo/link").status, 0);
  const Outcome refused = agent(look);
  EXPECT_EQ(refused.status, 125) << refused;
  EXPECT_NE(refused.err.find(overlay + "/.demo/link': it is a link"), std::string::npos) << refused;
  ASSERT_EQ(sh_as_user("rm " + overlay + "/.demo/link").status, 0);
  EXPECT_EQ(agent(look).out, "over\nhost\n") << "the control";
}

TEST_P(State, J25_TwoSessionsAtOnceKeepTheirStatesApart) {
  const std::string id = start_serving("--agent demo");
  EXPECT_EQ(
      in_agent("echo first > ~/.demo/own; mkdir ~/.demo/talks; echo 1 > ~/.demo/talks/1; cat ~/.demo/own"),
      "first\n");
  EXPECT_EQ(agent("cat ~/.demo/own 2> /dev/null || echo none; echo second > ~/.demo/own").out, "none\n");
  EXPECT_EQ(in_agent("cat ~/.demo/own"), "first\n");
  EXPECT_NE(kept("transcripts/*/.demo/talks/1").status, 0);
  EXPECT_EQ(drydock("stop " + id).status, 0);
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1").out, "1\n") << "stop brings it back";
}

TEST_P(State, J25_ACrashIsCollectedWithItsConversation) {
  sh_as_user(
      "cd " + quote(project()) + "; " + drydock_words() + " -q run --agent demo --image " + test_image +
      " -- sh -c 'mkdir ~/.demo/talks; echo kept > ~/.demo/talks/1; touch up; sleep 1000' & for i in $(seq "
      "100); do test -e up && break; sleep 0.1; done; kill -9 $!; wait");
  EXPECT_NE(sh("ls " + home_ + "/.local/state/drydock/agents/demo/sessions").out, "") << "the control";
  EXPECT_EQ(drydock("gc").status, 0);
  EXPECT_EQ(kept("transcripts/*/.demo/talks/1").out, "kept\n");
}

// Of the real profiles; their programs are not in this image, so that a session ends with 127 behind its
// first words.
TEST_P(State, AModelElsewhereByTheAgentsOwnSettingsIsToldAtTheStart) {
  const auto first_words = [&](const std::string& agent, const std::string& options = {}) {
    const Outcome started =
        drydock("run --image " + std::string(test_image) + " --agent " + agent + " " + options);
    EXPECT_EQ(started.status, 127) << started;
    return started.err;
  };
  const auto expect_told = [&](const std::string& words, const std::string& told) {
    EXPECT_NE(words.find("drydock: warning: by the agent's '~/" + told), std::string::npos) << told << "\n"
                                                                                            << words;
  };
  EXPECT_EQ(first_words("codex").find("its model is"), std::string::npos)
      << "the control: it has no settings";
  ASSERT_EQ(
      sh_as_user("mkdir -p ~/.codex; printf 'model_provider = \"ours\"\\n[model_providers.ours]\\nbase_url = "
                 "\"https://denied.test/v1\"\\n' > ~/.codex/config.toml")
          .status,
      0);
  EXPECT_EQ(first_words("codex").find("its model is"), std::string::npos) << "nor has the session, yet";
  const Outcome synced = drydock("sync --agent codex");
  sh_as_user("rm -rf ~/.codex");
  ASSERT_EQ(synced.status, 0) << synced;
  expect_told(first_words("codex"),
              ".codex/config.toml' (ours) its model is at denied.test, which is not allowed; "
              "allow it: drydock egress allow denied.test\n");
  EXPECT_EQ(first_words("codex", "--allow denied.test").find("its model is"), std::string::npos);

  // A login that a session leaves.
  EXPECT_EQ(first_words("opencode").find("its model is"), std::string::npos);
  const Outcome login = run("-q --agent opencode",
                            "sh -c 'mkdir -p ~/.local/share/opencode && echo "
                            "\"{\\\"groq\\\": {\\\"type\\\": \\\"api\\\"}}\" > "
                            "~/.local/share/opencode/auth.json'");
  ASSERT_EQ(login.status, 0) << login;
  expect_told(first_words("opencode"),
              ".local/share/opencode/auth.json' (groq) its model is at api.groq.com, which is not allowed");
  EXPECT_EQ(first_words("opencode", "--allow api.groq.com").find("its model is"), std::string::npos);
  const Outcome other = run("--agent opencode", "true");
  EXPECT_EQ(other.err.find("its model is"), std::string::npos) << "another command runs " << other;
}

INSTANTIATE_TEST_SUITE_P(Backend, State, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
