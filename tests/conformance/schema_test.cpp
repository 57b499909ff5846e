// What drydock prints as JSON is what docs/schema says.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Schema : public Conformance {
 protected:
  // How SCRIPT's standard output fits docs/schema/NAME.json.
  Outcome validate(const std::string& script, const std::string& name,
                   const std::string& options = {}) const {
    return sh_as_user("cd " + quote(project()) + "; (" + script +
                      ") > .out; test -s .out && /usr/bin/python3 " + DRYDOCK_VALIDATE_SCHEMA + " " +
                      options + " " + DRYDOCK_SCHEMAS + "/" + name + ".json < .out");
  }
};

TEST_P(Schema, OutputIsAsDocumented) {
  const std::string json = drydock_words() + " --json ";
  const std::string image = " --image " + std::string(test_image);
  const Outcome started =
      run("-d --keep --allow allowed.test --timeout 1h",
          "sh -c 'curl -sS https://denied.test/; curl -sS https://10.0.0.1/; echo said; sleep 1000'");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  for (const auto& [script, schema] :
       {std::pair{json + "list", "list"},
        std::pair{json + "inspect " + id, "inspect"},
        std::pair{json + "run --dry-run --allow allowed.test" + image + " -- true", "plan"},
        std::pair{json + "run --dry-run --mode dood" + image + " -- true", "plan"},
        std::pair{json + "smoke", "smoke"},
        std::pair{json + "dood .", "pin"},
        std::pair{json + "contain --remove .", "pin"},
        std::pair{json + "dood --remove .", "pin"},
        std::pair{json + "default", "default"},
        std::pair{json + "agents", "agents"},
        std::pair{json + "agents shell", "agents"},
        std::pair{json + "sync --dry-run", "sync"},
        std::pair{"echo sk-ant-api-1 | " + json + "setup-token claude", "token"},
        std::pair{json + "revoke-token claude", "token"},
        std::pair{json + "link /usr/share/doc", "link"},
        std::pair{json + "links", "links"},
        std::pair{json + "unlink /usr/share/doc", "link"},
        std::pair{json + "doctor", "doctor"},
        std::pair{json + "egress list", "egress-list"},
        std::pair{json + "egress list --groups", "egress-groups"},
        std::pair{json + "egress allow a.example --session " + id + " --for 1h", "egress-change"},
        std::pair{json + "egress list --session " + id, "egress-list"},
        std::pair{json + "egress test allowed.test nobody.test 10.0.0.1 --session " + id, "egress-test"},
        std::pair{json + "egress revoke a.example --session " + id, "egress-change"},
        std::pair{json + "egress allow a.example '*.b.example' --dry-run", "egress-change"},
        std::pair{json + "egress log --verify " + id, "egress-verify"},
        std::pair{json + "egress capture --yes" + image + " -- curl -s https://denied.test/ -o /dev/null",
                  "egress-capture"},
        std::pair{json + "egress denied " + id, "egress-denied"}}) {
    const Outcome valid = validate(script, schema);
    EXPECT_EQ(valid.status, 0) << script << " " << valid;
  }
  const Outcome plan =
      validate(json + "inspect " + id +
                   " | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)[\"plan\"]))'",
               "plan");
  EXPECT_EQ(plan.status, 0) << plan;
  const Outcome logs = validate(json + "logs " + id, "logs", "--lines");
  EXPECT_EQ(logs.status, 0) << logs;
  for (const std::string& failing :
       {json + "run --image localhost/none -- true", json + "attach nobody", json + "lst",
        json + "run --memory much -- true", json + "exec " + id + " -- nope"}) {
    const Outcome valid = validate(failing + " 2>&1 >/dev/null", "error", "--lines");
    EXPECT_EQ(valid.status, 0) << failing << " " << valid;
  }
  const Outcome stopped = validate(json + "stop " + id, "stop");
  EXPECT_EQ(stopped.status, 0) << stopped;
  const Outcome kept = validate(json + "egress log --list", "egress-logs");
  EXPECT_EQ(kept.status, 0) << kept;
  const Outcome decisions = validate(json + "egress log " + id, "decision", "--lines");
  EXPECT_EQ(decisions.status, 0) << decisions;
  const Outcome killed =
      sh_as_user("cd " + quote(project()) + "; " + drydock_words() + " -q run" + image +
                 " -- sh -c 'echo up; sleep 1000' > out & pid=$!; "
                 "for i in $(seq 200); do grep -q up out && break; sleep 0.1; done; kill -9 $pid");
  const Outcome collected = validate(json + "gc", "gc");
  EXPECT_EQ(collected.status, 0) << collected;
  // The control: what is something else does not fit.
  EXPECT_NE(validate(json + "version", "list").status, 0);
  EXPECT_NE(validate(json + "version", "smoke").status, 0);
  EXPECT_NE(validate(json + "version", "doctor").status, 0);
  EXPECT_NE(validate("echo '[{\"id\": \"12345678\"}]'", "list").status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Schema, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
