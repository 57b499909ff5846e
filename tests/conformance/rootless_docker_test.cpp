// Rootless Docker maps the user to root in the container, and cannot map anyone else: INV-8 does not hold
// there, so no session is made.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class RootlessDocker : public Conformance {};

TEST_P(RootlessDocker, RefusesASessionAndLeavesNothing) {
  const std::string marker = project() + "/started";
  for (const std::string options : {"", "-d", "--allow allowed.test", "--best-effort-limits"}) {
    const Outcome refused = run(options, "touch started");
    EXPECT_EQ(refused.status, 125) << options << " " << refused;
    EXPECT_EQ(refused.out, "") << options;
    EXPECT_NE(refused.err.find("rootless Docker: the agent would be root in its container"),
              std::string::npos)
        << refused;
    EXPECT_NE(refused.err.find("hint: use rootless Podman"), std::string::npos) << refused;
    EXPECT_NE(sh("test -e " + quote(marker)).status, 0) << "the command ran";
    EXPECT_EQ(leftovers(), "");
  }

  RecordProperty(
      "refused",
      "the agent would be root in its container, for rootless Docker maps the user to root and nobody else");

  // The engine works, and the reason is true: who writes the user's files there is root.
  const Outcome control = unjailed("sh -c 'id -u; touch started'");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_EQ(control.out, "0\n") << control;
  EXPECT_EQ(sh("stat -c %u " + quote(marker)).out, "1000\n");
}

TEST_P(RootlessDocker, RefusesACheckOfAJailThatCannotBe) {
  const Outcome refused = drydock("smoke");
  EXPECT_EQ(refused.status, 125) << refused;
  EXPECT_EQ(refused.out, "");
  EXPECT_NE(refused.err.find("hint: use rootless Podman"), std::string::npos) << refused;
  EXPECT_EQ(leftovers(), "");
}

TEST_P(RootlessDocker, IsFoundWithoutBeingNamed) {
  const Outcome refused = sh_as_user("unset DOCKER_HOST; cd " + quote(project()) + "; " + drydock_words() +
                                     " run --image " + test_image + " -- true");
  EXPECT_EQ(refused.status, 125) << refused;
  EXPECT_NE(refused.err.find("rootless Docker"), std::string::npos) << refused;
}

TEST_P(RootlessDocker, HasNothingToListOrCollect) {
  const Outcome list = drydock("--json list");
  EXPECT_EQ(list.status, 0) << list;
  EXPECT_EQ(trim(list.out), "[]") << list;
  EXPECT_EQ(drydock("gc").status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, RootlessDocker, ::testing::Values("docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
