// What a person decides about hosts holds where it is said to: by the keys of the live screen, on its
// terminal, and by the groups that this machine's own configuration makes.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// The user's, in shell text.
const std::string config = "\"$(getent passwd $(id -u) | cut -d: -f6)/.config/drydock\"";

class Steer : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (!live_session().empty()) drydock("-q stop --all");
    sh_as_user("rm -rf " + config);
    Conformance::TearDown();
  }
  Outcome watch(const std::string& session, const std::vector<std::string>& steps,
                const std::string& before = "") const {
    return sh_as_user("cd " + quote(project()) + "; export TERM=xterm; python3 " + DRYDOCK_PTY_DRIVER +
                      " -- " + before + drydock_words() + " egress watch " + session + " <<'END'\n" +
                      join(steps, "\n") + "\nEND");
  }
  // What the session's proxy answers.
  std::string ask(const std::string& host) const {
    return in_agent("curl -sS -o /dev/null -w '%{http_connect}' https://" + host + "/ 2>/dev/null");
  }
};

// What the keys say holds where they say: the live session, later ones of the project, and those of others.
TEST_P(Steer, J18_TheKeysForAProjectAndForAllHoldInLaterSessions) {
  const std::string elsewhere(trim(sh_as_dev("mktemp -d \"$HOME/project.XXXXXX\"").out));
  const auto reaches = [&](const std::string& folder, const std::string& host) {
    return sh_as_user("cd " + quote(folder) + " && " + drydock_words() + " -q run --image " + test_image +
                      " -- curl -sS https://" + host + "/")
               .status == 0;
  };
  const std::string session = start_serving("--allow allowed.test");
  for (const std::string host : {"other.test", "denied.test"}) {
    EXPECT_EQ(ask(host), "403") << host;
    EXPECT_FALSE(reaches(project(), host)) << "the control: " << host;
    EXPECT_FALSE(reaches(elsewhere, host)) << "the control: " << host;
  }
  // What was refused last comes first, and is chosen.
  const Outcome project_wide =
      watch(session,
            {"expect denied.test", "send p",
             "expect denied.test is allowed for this session and this project", "send q", "wait 0", "sane"});
  ASSERT_EQ(project_wide.status, 0) << project_wide;
  EXPECT_EQ(ask("denied.test"), "200");
  EXPECT_TRUE(reaches(project(), "denied.test"));
  EXPECT_FALSE(reaches(elsewhere, "denied.test")) << "another project has it too";
  EXPECT_EQ(sh_as_user("cat " + config + "/egress-allowlist").out, "") << "the user's file was changed";

  EXPECT_EQ(ask("other.test"), "403");
  const Outcome everywhere =
      watch(session,
            {"expect other.test", "send e", "expect other.test is allowed for this session and every project",
             "send q", R"(expect \x1b[?1049l)", "wait 0", "sane", "alone"});
  ASSERT_EQ(everywhere.status, 0) << everywhere;
  EXPECT_EQ(ask("other.test"), "200");
  EXPECT_EQ(sh_as_user("grep -c '^other\\.test' " + config + "/egress-allowlist").out, "1\n");
  EXPECT_EQ(sh_as_user("grep -c denied " + config + "/egress-allowlist").out, "0\n");
  EXPECT_TRUE(reaches(elsewhere, "other.test"));
  EXPECT_TRUE(reaches(project(), "other.test"));
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
  sh("rm -rf " + quote(elsewhere));
}

// What was taken back is no longer told as allowed, and a key allows it again.
TEST_P(Steer, J18_WhatWasRevokedMeanwhileCanBeAllowedAgain) {
  const std::string session = start_serving("--allow allowed.test");
  ASSERT_EQ(drydock("egress allow other.test --session " + session).status, 0);
  ASSERT_EQ(ask("other.test"), "200");
  // Once the screen is there, which says so by the file "go".
  ASSERT_EQ(
      sh_as_user("cd " + quote(project()) + "; rm -f go; (for i in $(seq 200); do test -e go && break; " +
                 "sleep 0.1; done; " + drydock_words() + " egress revoke other.test --session " + session +
                 ") > revoked 2>&1 &")
          .status,
      0);
  const Outcome watched =
      watch(session,
            {"expect allowed other.test", "note go", "expect denied  other.test", "expect no longer allowed",
             "send s", "expect other.test is allowed for this session", "send q", "wait 0", "sane"});
  EXPECT_EQ(watched.status, 0) << watched << sh("cat " + quote(project() + "/revoked")).out;
  EXPECT_EQ(ask("other.test"), "200");
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Steer, J19_WithoutAScreenToDrawOnTheWatcherWritesALineADecision) {
  const std::string session = start_serving("--allow allowed.test");
  ASSERT_EQ(ask("denied.test"), "403");
  for (const std::string term : {"TERM=dumb", "TERM=", "-u TERM"}) {
    const Outcome watched = watch(session,
                                  {"expect denied.test:443", "absent \\x1b", "sleep 0.5", "absent \\x1b",
                                   "kill INT", "wait 130", "sane", "alone"},
                                  "env " + term + " ");
    EXPECT_EQ(watched.status, 0) << term << watched;
  }
  const Outcome screen = watch(session, {R"(expect \x1b[?1049h)", "expect denied.test", "send q", "wait 0"});
  EXPECT_EQ(screen.status, 0) << "the control: " << screen;
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

// A mirror of a company's own, with the company's key and a password: its host is in @apt, and no password is
// told.
TEST_P(Steer, J18_TheGroupOfAptIsOfThisMachinesSources) {
  const std::string file = "/etc/apt/sources.list.d/acme.sources";
  const std::string suite(trim(sh(". /etc/os-release; echo $VERSION_CODENAME").out));
  ASSERT_FALSE(suite.empty());
  const auto reached = [&] { return run("-q --allow @apt", "curl -sS https://allowed.test/"); };
  EXPECT_NE(reached().status, 0) << "the control: no source has it yet";
  ASSERT_EQ(
      sh("printf 'Types: deb\nURIs: https://me:hush@allowed.test/debian tor+https://me:hush@other.test/\n"
         "Suites: " +
         suite + "\nComponents: main\nSigned-By: /etc/apt/keyrings/acme.gpg\n' > " + file)
          .status,
      0);
  const Outcome listed = drydock("egress list --groups");
  const Outcome json = drydock("--json egress list --groups");
  ASSERT_EQ(sh_as_user("mkdir -p " + config + " && echo @apt > " + config + "/egress-allowlist").status, 0);
  const Outcome tested = drydock("egress test allowed.test");
  const Outcome other = drydock("egress test other.test");
  const Outcome session = reached();
  sh("rm " + file);
  const Outcome without = drydock("egress test allowed.test");
  EXPECT_NE(listed.out.find("apt's source of " + suite + ", signed with acme.gpg"), std::string::npos)
      << listed;
  EXPECT_NE(json.out.find("\"host\": \"allowed.test\""), std::string::npos) << json;
  EXPECT_EQ(tested.status, 0) << tested;
  EXPECT_EQ(other.status, 1) << other;
  EXPECT_NE(other.err.find("'tor+https://other.test/': apt reaches it through Tor"), std::string::npos)
      << other;
  EXPECT_EQ(session.status, 0) << session;
  EXPECT_NE(without.status, 0) << "the control: " << without;
  for (const Outcome& outcome : {listed, json, tested, other, session})
    EXPECT_EQ((outcome.out + outcome.err).find("hush"), std::string::npos) << outcome;
}

INSTANTIATE_TEST_SUITE_P(Backend, Steer, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
