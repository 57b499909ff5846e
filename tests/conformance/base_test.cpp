// build --base REF --pull: an agent on an image of a registry's, by its tag and by its digest.
#include "base/text.hpp"
#include "registry.hpp"

namespace drydock::conformance {
namespace {

constexpr const char* profile = R"({
  "schema": 1, "name": "greeter", "summary": "for this test", "command": ["greet", "agent"], "baseline": [],
  "npm": [{"package": "tiny-greeting", "commands": {"greet": "greet.js"}}]
})";

class Base : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    ASSERT_EQ(
        sh_as_user(
            "mkdir -p ~/.config/drydock/agents; cat > ~/.config/drydock/agents/greeter.json << 'END'\n" +
            std::string(profile) + "\nEND")
            .status,
        0);
    registry_.begin();
    registry_.start();
    const std::string tar = "$TMPDIR/lab-base.tar";
    const Outcome made =
        sh(std::string(DRYDOCK_LAB_SCRIPTS) + "/package_image " + tar +
           " bash dash coreutils grep git nodejs && chmod 644 " + tar + " && readlink -f " + tar);
    ASSERT_EQ(made.status, 0) << made;
    tar_ = trim(made.out);
    push("first");
  }
  void TearDown() override {
    sh_as_user("rm -rf ~/.config/drydock/agents");
    engine("rmi -f $(" + backend() + " images -q --filter label=io.drydock.agent=greeter)");
    for (const std::string& reference : forgotten_) engine("rmi " + reference);
    registry_.remove();
    Conformance::TearDown();
  }
  static std::string image(const std::string& which = ":1") {
    return std::string(Registry::host) + "/lab/base" + which;
  }
  // What the registry has under the tag from now on, and the engine has not: an image with MARK in it.
  void push(const std::string& mark) {
    const std::string tls = backend() == "podman" ? " --tls-verify=false" : "";
    const Outcome pushed = sh_as_user(backend() + " import --change 'ENV MARK=" + mark + "' " + quote(tar_) +
                                      " " + image() + " && " + backend() + " push" + tls + " " + image() +
                                      " && " + backend() + " rmi " + image());
    ASSERT_EQ(pushed.status, 0) << pushed;
  }
  Outcome build(const std::string& options) {
    return sh_as_user("cd " + quote(project()) + " && SSL_CERT_FILE=$DRYDOCK_LAB_CA " + drydock_words() +
                      " build --agent greeter --registry https://registry.example/ " + options);
  }
  Outcome build_on(const std::string& reference, const std::string& pull) {
    forgotten_.push_back(reference);
    return build("--base " + reference + pull);
  }
  // What the image of the agent was made on: the agent says so, in a session.
  std::string mark() const {
    EXPECT_EQ(drydock("-q run --agent greeter").out, "hello, agent\n");
    return drydock("-q run --agent greeter -- sh -c 'echo $MARK'").out;
  }
  std::string label(const std::string& name) const {
    return std::string(
        trim(engine("image inspect --format '{{index .Config.Labels \"" + name + "\"}}' $(" + backend() +
                    " images -q --filter label=io.drydock.agent=greeter | head -1)")
                 .out));
  }
  static void expect_refusal(const Outcome& outcome, const std::string& what) {
    EXPECT_EQ(outcome.status, 1) << outcome;
    EXPECT_NE(outcome.err.find("drydock: error: cannot "), std::string::npos) << outcome;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome;
  }

  Registry registry_;
  std::string tar_;
  std::vector<std::string> forgotten_;
};

TEST_P(Base, IsFetchedWhenAskedAndOnlyThen) {
  const int before = registry_.asked();
  expect_refusal(build_on(image(), ""), "cannot use base '" + image() + "'");
  EXPECT_EQ(registry_.asked(), before) << "the registry was asked";
  EXPECT_EQ(label("io.drydock.base"), "") << "something was made";
  const Outcome fetched = build_on(image(), " --pull missing");
  ASSERT_EQ(fetched.status, 0) << fetched;
  EXPECT_GT(registry_.asked(), before) << "the control";
  EXPECT_EQ(mark(), "first\n");
  EXPECT_EQ(label("io.drydock.base"), image());
  // The tag moves: what is there is taken until a newer one is asked for.
  push("second");
  ASSERT_EQ(build_on(image(), " --pull always").status, 0);
  EXPECT_EQ(mark(), "second\n");
  expect_refusal(build_on(image(":none"), " --pull missing"), "does not have it");
  registry_.stop();
  expect_refusal(build_on(image(), " --pull always"), "'127.0.0.1:5000' cannot be reached");
  EXPECT_EQ(mark(), "second\n") << "the image that was there stays";
}

TEST_P(Base, ByItsDigestIsThatImageWhateverTheTagIs) {
  const std::string first = registry_.digest_of("lab/base", "1");
  ASSERT_EQ(first.size(), 71U);
  const std::string pinned = image("@" + first);
  const Outcome built = build_on(pinned, " --pull missing");
  ASSERT_EQ(built.status, 0) << built;
  EXPECT_EQ(mark(), "first\n");
  EXPECT_EQ(label("io.drydock.base"), pinned);

  std::string other = first;
  other.back() = other.back() == '0' ? '1' : '0';
  expect_refusal(build_on(image("@" + other), " --pull missing"), "does not have it");
  expect_refusal(build_on(image("@" + other), ""), "cannot use base");

  push("second");
  ASSERT_NE(registry_.digest_of("lab/base", "1"), first) << "the control: the tag has moved";
  ASSERT_EQ(build_on(pinned, " --pull always --no-cache").status, 0);
  EXPECT_EQ(mark(), "first\n") << "the digest is what counts";
  ASSERT_EQ(build_on(image(":1@" + first), " --pull always --no-cache").status, 0);
  EXPECT_EQ(mark(), "first\n") << "also beside the tag";
  ASSERT_EQ(build_on(image(), " --pull always").status, 0);
  EXPECT_EQ(mark(), "second\n") << "the control: the tag alone is what it is now";
}

INSTANTIATE_TEST_SUITE_P(Backend, Base, ::testing::Values("podman", "docker"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace drydock::conformance
