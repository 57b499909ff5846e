// --pull: a registry in the lab, and what is told when there is none.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

constexpr const char* host = "127.0.0.1:5000";

class Pull : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    ASSERT_EQ(sh("command -v docker-registry").status, 0) << "install the package docker-registry";
    // Docker takes a registry on the loopback as it is; Podman is told by its own configuration.
    ASSERT_EQ(sh("mkdir -p /etc/containers/registries.conf.d; printf '[[registry]]\\nlocation = \"" +
                 std::string(host) + "\"\\ninsecure = true\\n' > /etc/containers/registries.conf.d/lab.conf")
                  .status,
              0);
    start_registry("");
    const std::string tls = backend() == "podman" ? " --tls-verify=false" : "";
    ASSERT_EQ(engine("tag " + std::string(test_image) + " " + image()).status, 0);
    const Outcome pushed = engine("push" + tls + " " + image());
    ASSERT_EQ(pushed.status, 0) << pushed;
    forget();
  }
  void TearDown() override {
    stop_registry();
    forget();
    sh("rm -rf /etc/containers/registries.conf.d/lab.conf $TMPDIR/registry $TMPDIR/registry.yml "
       "$TMPDIR/registry.pid "
       "$TMPDIR/htpasswd");
    Conformance::TearDown();
  }
  static std::string image(const std::string& tag = ":1") { return std::string(host) + "/lab/test" + tag; }
  void forget() const {
    engine("rmi " + image());
    engine("rmi " + image("@" + digest_));
  }
  static void start_registry(const std::string& more) {
    const Outcome started =
        sh("cd $TMPDIR; printf 'version: 0.1\\nstorage: {filesystem: {rootdirectory: "
           "'$TMPDIR'/registry}}\\nhttp: "
           "{addr: \"" +
           std::string(host) + "\"}\\n" + more +
           "' > registry.yml; docker-registry serve registry.yml > registry.log 2>&1 & echo $! > "
           "$TMPDIR/registry.pid; "
           "for i in $(seq 100); do curl -s -o /dev/null http://" +
           host + "/v2/ && exit 0; sleep 0.1; done; cat $TMPDIR/registry.log; exit 1");
    ASSERT_EQ(started.status, 0) << started;
  }
  static void stop_registry() {
    sh("pid=$(cat $TMPDIR/registry.pid) && kill $pid && for i in $(seq 100); do kill -0 $pid 2> /dev/null || "
       "exit 0; "
       "sleep 0.1; done");
  }
  Outcome run_image(const std::string& options, const std::string& reference) const {
    return drydock("run -q " + options + " --image " + reference + " -- echo ran");
  }
  static int asked() { return std::stoi(sh("grep -c 'http.request.method=GET' $TMPDIR/registry.log").out); }
  void expect_refusal(const Outcome& outcome, const std::string& what) const {
    EXPECT_EQ(outcome.status, 125) << outcome;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome;
    EXPECT_EQ(outcome.err.find("cannot pull image '" + std::string(host)) == std::string::npos &&
                  outcome.err.find("cannot use image") == std::string::npos,
              false)
        << outcome;
  }
  std::string digest_ = "sha256:0";
};

TEST_P(Pull, NothingIsFetchedUnlessAsked) {
  const int before = asked();
  expect_refusal(run_image("", image()), "let it be fetched with --pull missing");
  expect_refusal(run_image("--pull never", image()), "does not have it");
  EXPECT_EQ(asked(), before) << "the registry was asked";
  const Outcome fetched = run_image("--pull missing", image());
  EXPECT_EQ(fetched.out, "ran\n") << fetched;
  EXPECT_GT(asked(), before) << "the control";
  stop_registry();
  EXPECT_EQ(run_image("--pull missing", image()).out, "ran\n") << "it is there";
  EXPECT_EQ(run_image("", image()).out, "ran\n");
  expect_refusal(run_image("--pull always", image()), "'127.0.0.1:5000' cannot be reached");
  const Outcome newer = drydock("run --pull newer --image " + image() + " -- echo ran");
  EXPECT_EQ(newer.out, "ran\n") << newer;
  EXPECT_NE(newer.err.find("is the one that is here: cannot pull image"), std::string::npos) << newer;
}

TEST_P(Pull, WhatIsNotThereAndWhatIsNotForEverybodyIsTold) {
  expect_refusal(run_image("--pull always", image(":2")), "does not have it");
  stop_registry();
  start_registry("auth: {htpasswd: {realm: lab, path: '$TMPDIR'/htpasswd}}\\n");
  const Outcome denied = run_image("--pull always", image());
  expect_refusal(denied, "does not give it to everybody");
  EXPECT_NE(denied.err.find(backend() + " login 127.0.0.1:5000"), std::string::npos) << denied;
}

TEST_P(Pull, AnImageByItsDigestIsThatImage) {
  const Outcome head =
      sh("curl -s -I -H 'Accept: application/vnd.docker.distribution.manifest.v2+json, "
         "application/vnd.oci.image.manifest.v1+json' http://" +
         std::string(host) +
         "/v2/lab/test/manifests/1 | tr -d '\\r' | sed -n "
         "'s/^Docker-Content-Digest: //p'");
  digest_ = std::string(trim(head.out));
  ASSERT_EQ(digest_.size(), 71U) << head;
  EXPECT_EQ(run_image("--pull missing", image("@" + digest_)).out, "ran\n");
  std::string other = digest_;
  other.back() = other.back() == '0' ? '1' : '0';
  expect_refusal(run_image("--pull missing", image("@" + other)), "does not have it");
}

INSTANTIATE_TEST_SUITE_P(Backend, Pull, ::testing::Values("podman", "docker"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace drydock::conformance
