// J17: dood mode has the engine's socket and the host's network, and nothing of the jail; contained mode has
// neither.
#include <string>

#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Dood : public Conformance {
 protected:
  // Root's Podman has a socket that only root may use, and the agent is never root: there is no dood then.
  static bool only_root_may_use_the_socket() { return configuration() == "P4" || configuration() == "P5"; }

  // What a session can see and reach, a line each.
  static std::string probe() {
    return R"(sh -c '
env | grep -i "_proxy=" || echo no proxy
socket=$(env | sed -n "s/^\(DOCKER\|CONTAINER\)_HOST=unix:\/\///p")
echo "socket=${socket:-none}"
curl -sS -o /dev/null -w "ping=%{http_code}\n" --unix-socket "${socket:-/nowhere}" http://engine/_ping 2>/dev/null || echo ping=no
curl -sS --max-time 5 --noproxy "*" http://203.0.113.10/direct 2>/dev/null || echo no direct
curl -sS --max-time 5 --noproxy "*" telnet://127.0.0.1:7777 </dev/null 2>/dev/null | grep -o "this is the host" || echo no host
')";
  }

  bool has(const Outcome& outcome, const std::string& text) const {
    return outcome.out.find(text) != std::string::npos;
  }
};

TEST_P(Dood, J17_IsRefusedWhereOnlyRootMayUseTheSocket) {
  const Outcome dood = run("-q --mode dood", "true");
  if (!only_root_may_use_the_socket()) {
    EXPECT_EQ(dood.status, 0) << dood;
    return;
  }
  EXPECT_EQ(dood.status, 125) << dood;
  EXPECT_NE(dood.err.find("only root may use it"), std::string::npos) << dood;
}

TEST_P(Dood, J17_HasTheSocketAndTheHostsNetworkAndNoJail) {
  if (only_root_may_use_the_socket()) return;  // above
  const Outcome dood = run("--mode dood --allow allowed.test", probe());
  EXPECT_EQ(dood.status, 0) << dood;
  EXPECT_TRUE(has(dood, "no proxy\n")) << dood;
  EXPECT_TRUE(has(dood, "ping=200")) << dood;
  EXPECT_TRUE(has(dood, "hello from 203.0.113.10")) << dood;
  EXPECT_TRUE(has(dood, "this is the host")) << dood;
  EXPECT_NE(dood.err.find("dood (--mode dood)"), std::string::npos) << dood;
  EXPECT_NE(dood.err.find("engine's socket and the host's network"), std::string::npos) << dood;
  EXPECT_NE(dood.err.find("no jail applies"), std::string::npos) << dood;
  EXPECT_EQ(dood.err.find("allowed;"), std::string::npos) << "a jail is announced: " << dood;

  const Outcome contained = run("--allow allowed.test", probe());
  EXPECT_EQ(contained.status, 0) << contained;
  EXPECT_TRUE(has(contained, "HTTPS_PROXY=http://")) << contained;
  EXPECT_TRUE(has(contained, "socket=none")) << contained;
  EXPECT_TRUE(has(contained, "ping=no")) << contained;
  EXPECT_TRUE(has(contained, "no direct")) << contained;
  EXPECT_TRUE(has(contained, "no host")) << contained;
  EXPECT_EQ(contained.err.find("dood"), std::string::npos) << contained;
}

TEST_P(Dood, J17_HasNoSidecarAndNoNetworks) {
  if (only_root_may_use_the_socket()) return;  // above
  // The number of containers and networks of drydock's while a session runs.
  const auto objects_of = [&](const std::string& options) {
    return sh_as_user("cd " + quote(project()) + "; rm -f out; " + drydock_words() + " -q run --image " +
                      test_image + " " + options + " -- sh -c 'echo up; sleep 3' > out & pid=$!; cd " +
                      quote(project()) +
                      "; for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; " + backend() +
                      " ps -q --filter label=io.drydock.session | wc -l; " + backend() +
                      " network ls -q --filter label=io.drydock.session | wc -l; wait $pid");
  };
  const Outcome alone = objects_of("--mode dood");
  EXPECT_EQ(alone.out, "1\n0\n") << alone;
  const Outcome control = objects_of("--mode contained");
  EXPECT_EQ(control.out, "2\n2\n") << control;
}

TEST_P(Dood, J17_IsHardenedAllTheSame) {
  if (only_root_may_use_the_socket()) return;  // above
  const Outcome status =
      run("-q --mode dood", "sh -c 'grep -E \"CapBnd|CapEff|NoNewPrivs\" /proc/self/status; id -u'");
  EXPECT_NE(status.out.find("CapBnd:\t00000000000000cb"), std::string::npos) << status;
  EXPECT_NE(status.out.find("CapEff:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.out.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_EQ(status.out.find("\n0\n"), std::string::npos) << status;
}

TEST_P(Dood, J17_ContradictionsAreContained) {
  const Outcome conflict =
      sh_as_user("cd " + quote(project()) + " && DRYDOCK_CONTAIN=1 " + drydock_words() +
                 " run --mode dood --image " + test_image + " -- sh -c 'env | grep -c HTTPS_PROXY'");
  EXPECT_EQ(conflict.out, "1\n") << conflict;
  EXPECT_NE(conflict.err.find("contradict"), std::string::npos) << conflict;
}

INSTANTIATE_TEST_SUITE_P(Backend, Dood, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
