// Images of agents: put on an image that the engine has, named after a project's packages, and fetched when
// the user says so.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

constexpr const char* profile = R"({
  "schema": 1, "name": "greeter", "summary": "for this test", "command": ["greet", "agent"], "baseline": [],
  "npm": [{"package": "tiny-greeting", "commands": {"greet": "greet.js"}}],
  "files": [{"path": "/etc/greeter/policy", "source": "policy.txt"}]
})";

constexpr const char* base = "localhost/lab-base:1";

class Build : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    scripts_ = DRYDOCK_LAB_SCRIPTS;
    ASSERT_EQ(sh_as_user("mkdir -p ~/.config/drydock/agents; cat > "
                         "~/.config/drydock/agents/greeter.json << 'END'\n" +
                         std::string(profile) + "\nEND\nprintf kept > ~/.config/drydock/agents/policy.txt")
                  .status,
              0);
  }
  void TearDown() override {
    sh_as_user("rm -rf ~/.config/drydock/agents ~/.config/drydock/config ~/.config/drydock/projects");
    engine("rmi -f " + std::string(base) + " $(" + backend() +
           " images -q --filter label=io.drydock.agent=greeter)");
    Conformance::TearDown();
  }
  // An image of this machine's packages, which no registry has seen.
  Outcome make_base(const std::string& packages) const {
    const std::string tar = "$TMPDIR/lab-base.tar";
    const Outcome made = sh(scripts_ + "/package_image " + tar + " " + packages + " && chmod 644 " + tar +
                            " && readlink -f " + tar);
    if (made.status != 0) return made;
    return sh_as_user(backend() + " import --change 'ENV MARK=kept' " + quote(std::string(trim(made.out))) +
                      " " + base);
  }
  Outcome build(const std::string& options) const {
    return sh_as_user("cd " + quote(project()) + " && SSL_CERT_FILE=" + ca_ + " " + drydock_words() +
                      " build --agent greeter --registry https://registry.example/ " + options);
  }
  std::string images() const {
    return engine("images --format '{{.Repository}}:{{.Tag}}' --filter label=io.drydock.agent=greeter").out;
  }
  std::string label(const std::string& name) const {
    const std::string image(trim(split(images(), '\n').front()));
    return std::string(
        trim(engine("image inspect --format '{{index .Config.Labels \"" + name + "\"}}' " + image).out));
  }

  std::string scripts_;
  std::string ca_ = "$DRYDOCK_LAB_CA";
};

TEST_P(Build, AnAgentOnAnImageOfTheEngineWorksInTheJail) {
  const Outcome made = make_base("bash dash coreutils grep git nodejs");
  ASSERT_EQ(made.status, 0) << made;
  const Outcome built = build(std::string("--base ") + base);
  ASSERT_EQ(built.status, 0) << built;
  EXPECT_EQ(label("io.drydock.base"), base);
  EXPECT_NE(label("io.drydock.base-id"), "");
  const Outcome agent = drydock("-q run --agent greeter");
  EXPECT_EQ(agent.status, 0) << agent;
  EXPECT_EQ(agent.out, "hello, agent\n") << agent;
  const Outcome inside = drydock(
      "-q run --agent greeter -- sh -c 'cat /etc/greeter/policy; echo \" $MARK\"; id -u; touch /etc/x 2>&1; "
      "git --version > /dev/null && ls -l /usr/local/bin/greet | cut -d\" \" -f1,3; "
      "grep -c tiny-greeting /usr/share/drydock/sbom.cdx.json > /dev/null && echo told'");
  EXPECT_EQ(inside.status, 0) << inside;
  EXPECT_NE(inside.out.find("kept kept\n1000\n"), std::string::npos) << inside;
  EXPECT_NE(inside.out.find("Permission denied"), std::string::npos) << "the agent is not root " << inside;
  EXPECT_NE(inside.out.find("told"), std::string::npos) << inside;
  const Outcome again = build(std::string("-v --base ") + base);
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_EQ(again.err.find("loading"), std::string::npos) << "nothing to do " << again;
}

TEST_P(Build, WhatTheImageLacksIsToldAndNothingIsMade) {
  for (const auto& [packages, lack] :
       {std::pair{"bash dash coreutils", "git"}, {"bash dash coreutils git", "node"}}) {
    const Outcome made = make_base(packages);
    ASSERT_EQ(made.status, 0) << made;
    const Outcome built = build(std::string("--base ") + base);
    EXPECT_EQ(built.status, 1) << built;
    EXPECT_NE(built.err.find("cannot use base '" + std::string(base) + "': it has no program '" + lack + "'"),
              std::string::npos)
        << built;
    // The same as a file.
    const Outcome of_file = build("--base $TMPDIR/lab-base.tar");
    EXPECT_EQ(of_file.status, 1) << of_file;
    EXPECT_NE(of_file.err.find("lab-base.tar': it has no program '" + std::string(lack) + "'"),
              std::string::npos)
        << of_file;
  }
  EXPECT_EQ(trim(images()), "");
  EXPECT_EQ(sh_as_user("ls -A ~/.cache/drydock | grep -E 'drydock-(base|agent|image)'").out, "")
      << "and nothing is left of it";
  const Outcome none = build("--base localhost/none:1");
  EXPECT_EQ(none.status, 1) << none;
  EXPECT_NE(none.err.find("cannot use base 'localhost/none:1'"), std::string::npos) << none;
}

// What is said but the one warning: that the base lacks tools that drydock's own has.
std::string said_beside_lacks(const std::string& text) {
  const std::string warning = std::string("drydock: warning: base '") + base + "' has no curl, ";
  const auto at = text.find(warning);
  EXPECT_NE(at, std::string::npos) << text;
  if (at == std::string::npos) return text;
  const auto end = text.find('\n', at);
  return text.substr(0, at) + (end == std::string::npos ? "" : text.substr(end + 1));
}

TEST_P(Build, TellsItsStepsOnATerminalAndIsDoneOffline) {
  ASSERT_EQ(make_base("bash dash coreutils git nodejs").status, 0);
  const std::string options = std::string("--base ") + base;
  const Outcome piped = build(options);
  ASSERT_EQ(piped.status, 0) << piped;
  EXPECT_EQ(said_beside_lacks(piped.err), "") << "quiet where nobody looks on";
  EXPECT_EQ(said_beside_lacks(build(options + " --no-cache").err), "");
  const std::string words = "cd " + quote(project()) + " && SSL_CERT_FILE=" + ca_ + " " + drydock_words() +
                            " build --agent greeter --registry https://registry.example/ " + options;
  const auto on_terminal = [&](const std::string& more) {
    return sh_as_user("script -qec " + quote(words + more) + " /dev/null < /dev/null").out;
  };
  const std::string made = on_terminal(" --no-cache");
  for (const std::string& step : {"looking into " + std::string(base),
                                  std::string("unpacking tiny-greeting 1.0.0"), std::string("loading ")})
    EXPECT_NE(made.find("drydock: " + step), std::string::npos) << step << " is not in:\n" << made;
  const std::string there = on_terminal("");
  EXPECT_EQ(there.find("drydock: "), std::string::npos) << "nothing is done twice: " << there;
  EXPECT_EQ(said_beside_lacks(on_terminal(" --no-cache -q")).find("drydock: "), std::string::npos);

  // Nothing of what follows asks the registry.
  const Log requests("requests");
  EXPECT_EQ(drydock("-q run --agent greeter").out, "hello, agent\n");
  EXPECT_TRUE(requests.lines_with({"registry.example"}).empty());
  EXPECT_EQ(build(options).status, 0);
  EXPECT_FALSE(requests.lines_with({"registry.example"}).empty()) << "the control";
}

TEST_P(Build, ThatFailsLeavesWhatWasThere) {
  ASSERT_EQ(make_base("bash dash coreutils git nodejs").status, 0);
  const std::string options = std::string("--base ") + base;
  ASSERT_EQ(build(options).status, 0);
  const std::string before = images();
  const Outcome failed = build(options + " --agent-version 9.9.9");
  EXPECT_EQ(failed.status, 1) << failed;
  EXPECT_NE(failed.err.find("has no version '9.9.9'"), std::string::npos) << failed;
  // No room for it, which is told by the number of bytes and not by a disk that is full.
  const std::string small = "/tmp/small-cache." + backend();
  ASSERT_EQ(sh("mkdir " + small + " && mount -t tmpfs -o size=8m,mode=777 none " + small).status, 0);
  const Outcome cut = sh_as_user(
      "cd " + quote(project()) + " && XDG_CACHE_HOME=" + small + " SSL_CERT_FILE=" + ca_ + " " +
      drydock_words() + " build --agent greeter --no-cache --registry https://registry.example/ " + options);
  EXPECT_EQ(cut.status, 1) << cut;
  EXPECT_NE(cut.err.find("it has more than "), std::string::npos) << cut;
  EXPECT_EQ(sh("find " + small + " -name 'drydock-*'").out, "") << "something is left";
  EXPECT_EQ(sh("umount " + small + " && rmdir " + small).status, 0);
  EXPECT_EQ(images(), before);
  EXPECT_EQ(sh_as_user("ls -A ~/.cache/drydock | grep -E '^(drydock-|making|fetching)'").out, "");
  EXPECT_EQ(drydock("-q run --agent greeter").out, "hello, agent\n") << "it works as before";
}

TEST_P(Build, AProjectsPackagesHaveAnImageOfTheirOwn) {
  const Outcome made = make_base("bash dash coreutils git nodejs");
  ASSERT_EQ(made.status, 0) << made;
  const std::string with_base = std::string("--base ") + base;
  ASSERT_EQ(build(with_base).status, 0);
  const Json plan = parse_json(drydock("--json run --agent greeter --dry-run").out, "the plan");
  const std::string key = require_string(*find_member(plan, "project"), "key");
  const std::string file = "~/.config/drydock/projects/" + key + "/config";
  ASSERT_EQ(sh_as_user("mkdir -p $(dirname " + file + "); echo package = git | tee " + file).status, 0);
  write_project_file("config", "package = nodejs");  // which is nobody's (INV-10)
  const Outcome missing = drydock("-q run --agent greeter");
  EXPECT_NE(missing.status, 0) << missing;
  EXPECT_NE(missing.err.find("does not have its image with the packages git"), std::string::npos) << missing;
  EXPECT_NE(missing.err.find("hint: make it with: drydock build --agent greeter"), std::string::npos)
      << missing;

  // dpkg's own list says what is in an image; this one is made without dpkg.
  const Outcome refused = build(with_base);
  EXPECT_NE(refused.err.find("it has no package 'git'"), std::string::npos) << refused;
  ASSERT_EQ(
      make_base("--text '/var/lib/dpkg/status=Package: git\nStatus: install ok installed\nVersion: 1\n' bash "
                "dash coreutils git nodejs")
          .status,
      0);
  const Outcome listed = build(with_base);
  EXPECT_EQ(listed.status, 0) << listed;
  EXPECT_EQ(split(std::string(trim(images())), '\n').size(), 2U) << "beside the other one: " << images();
  EXPECT_EQ(drydock("-q run --agent greeter").out, "hello, agent\n");
  const Outcome elsewhere = sh_as_user("mkdir -p ~/other.d && cd ~/other.d && " + drydock_words() +
                                       " -q run --agent greeter; rmdir ~/other.d");
  EXPECT_EQ(elsewhere.out, "hello, agent\n") << "other projects have theirs " << elsewhere;
  EXPECT_EQ(drydock("gc --images").out, "") << "it is wanted";

  ASSERT_EQ(sh_as_user("rm " + file).status, 0);
  const Outcome would = drydock("gc --images --dry-run");
  EXPECT_NE(would.out.find("for packages that no file names: git"), std::string::npos) << would;
  EXPECT_EQ(split(std::string(trim(images())), '\n').size(), 2U) << "a dry run changes nothing";
  EXPECT_EQ(drydock("gc --images").status, 0);
  EXPECT_EQ(split(std::string(trim(images())), '\n').size(), 1U) << images();
  EXPECT_EQ(drydock("-q run --agent greeter").out, "hello, agent\n") << "the other one stays";
}

INSTANTIATE_TEST_SUITE_P(Backend, Build, ::testing::Values("podman", "docker"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace drydock::conformance
