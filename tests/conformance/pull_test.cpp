// --pull: a registry in the lab, and what is told when there is none.
#include "base/text.hpp"
#include "registry.hpp"

namespace drydock::conformance {
namespace {

constexpr const char* host = Registry::host;

class Pull : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    registry_.begin();
    registry_.start();
    const std::string tls = backend() == "podman" ? " --tls-verify=false" : "";
    ASSERT_EQ(engine("tag " + std::string(test_image) + " " + image()).status, 0);
    const Outcome pushed = engine("push" + tls + " " + image());
    ASSERT_EQ(pushed.status, 0) << pushed;
    forget();
  }
  void TearDown() override {
    forget();
    registry_.remove();
    Conformance::TearDown();
  }
  static std::string image(const std::string& tag = ":1") { return std::string(host) + "/lab/test" + tag; }
  void forget() const {
    engine("rmi " + image());
    engine("rmi " + image("@" + digest_));
  }
  Outcome run_image(const std::string& options, const std::string& reference) const {
    return drydock("run -q " + options + " --image " + reference + " -- echo ran");
  }
  void expect_refusal(const Outcome& outcome, const std::string& what) const {
    EXPECT_EQ(outcome.status, 125) << outcome;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome;
    EXPECT_EQ(outcome.err.find("cannot pull image '" + std::string(host)) == std::string::npos &&
                  outcome.err.find("cannot use image") == std::string::npos,
              false)
        << outcome;
  }
  std::string digest_ = "sha256:0";
  Registry registry_;
};

TEST_P(Pull, NothingIsFetchedUnlessAsked) {
  const int before = registry_.asked();
  expect_refusal(run_image("", image()), "let it be fetched with --pull missing");
  expect_refusal(run_image("--pull never", image()), "does not have it");
  EXPECT_EQ(registry_.asked(), before) << "the registry was asked";
  const Outcome fetched = run_image("--pull missing", image());
  EXPECT_EQ(fetched.out, "ran\n") << fetched;
  EXPECT_GT(registry_.asked(), before) << "the control";
  registry_.stop();
  EXPECT_EQ(run_image("--pull missing", image()).out, "ran\n") << "it is there";
  EXPECT_EQ(run_image("", image()).out, "ran\n");
  expect_refusal(run_image("--pull always", image()), "'127.0.0.1:5000' cannot be reached");
  const Outcome newer = drydock("run --pull newer --image " + image() + " -- echo ran");
  EXPECT_EQ(newer.out, "ran\n") << newer;
  EXPECT_NE(newer.err.find("is the one that is here: cannot pull image"), std::string::npos) << newer;
}

TEST_P(Pull, WhatIsNotThereAndWhatIsNotForEverybodyIsTold) {
  expect_refusal(run_image("--pull always", image(":2")), "does not have it");
  registry_.stop();
  registry_.start("auth: {htpasswd: {realm: lab, path: '$TMPDIR'/htpasswd}}\\n");
  const Outcome denied = run_image("--pull always", image());
  expect_refusal(denied, "does not give it to everybody");
  EXPECT_NE(denied.err.find(backend() + " login 127.0.0.1:5000"), std::string::npos) << denied;
}

TEST_P(Pull, AnImageByItsDigestIsThatImage) {
  digest_ = registry_.digest_of("lab/test", "1");
  ASSERT_EQ(digest_.size(), 71U);
  EXPECT_EQ(run_image("--pull missing", image("@" + digest_)).out, "ran\n");
  std::string other = digest_;
  other.back() = other.back() == '0' ? '1' : '0';
  expect_refusal(run_image("--pull missing", image("@" + other)), "does not have it");
}

INSTANTIATE_TEST_SUITE_P(Backend, Pull, ::testing::Values("podman", "docker"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace drydock::conformance
