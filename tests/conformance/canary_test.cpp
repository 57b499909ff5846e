// J23: the agent starts only once a probe at its place has shown the wall.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Canary : public Conformance {
 protected:
  bool started() const { return sh("test -e " + quote(project() + "/started")).status == 0; }
};

TEST_P(Canary, J23_APlanSaysWhatIsChecked) {
  const Json plan =
      parse_json(drydock("--json run --dry-run --image " + std::string(test_image)).out, "a plan");
  EXPECT_EQ(plan["canary"], Json::array({"allowed", "unlisted", "dial", "dns"}));
  EXPECT_EQ(plan["containers"]["probe"]["networks"], plan["containers"]["agent"]["networks"]);
  const Json without = parse_json(
      drydock("--json run --no-canary --dry-run --image " + std::string(test_image)).out, "a plan");
  EXPECT_EQ(without["canary"], Json::array());
  EXPECT_FALSE(without["containers"].contains("probe"));
}

TEST_P(Canary, J23_BehindAWallWithAHoleTheAgentNeverStarts) {
  ASSERT_EQ(drydock("build").status, 0);
  Log dns("dns");
  Log requests("requests");
  const Outcome control = run("-q", "touch started");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_TRUE(started());
  EXPECT_TRUE(dns.lines_with({"canary-"}).empty() && requests.lines_with({"canary-"}).empty())
      << "the canary left the machine";

  const std::string reference(trim(
      engine("images --format '{{.Repository}}:{{.Tag}}' --filter reference=localhost/drydock-egress").out));
  const std::string label(trim(
      engine("image inspect --format '{{index .Config.Labels \"io.drydock.content\"}}' " + reference).out));
  ASSERT_FALSE(label.empty()) << reference;
  // The same name and label. Its proxy lets everything through, or nothing; its probe is the real one, or
  // lies by silence.
  for (const auto& [answer, probe, words] : {std::tuple{"200", true, "unlisted should be '403' and is '200'"},
                                             std::tuple{"403", true, "allowed should be '200' and is '403'"},
                                             std::tuple{"200", false, "its canary did not report"}}) {
    write_project_file(
        "guard.py",
        "#!/usr/bin/python3\nimport json, os, socket, sys\n"
        "if sys.argv[1] == '--probe':\n" +
            std::string(probe ? "    os.execv('/usr/bin/real-guard', sys.argv)\n" : "    sys.exit(0)\n") +
            "address = json.load(open('/etc/drydock/guard.json'))['proxy']['address']\n"
            "server = socket.create_server((address, 8888))\n"
            "print('{\"event\":\"ready\"}', flush=True)\n"
            "while True:\n"
            "    client = server.accept()[0]\n"
            "    client.recv(4096)\n"
            "    client.sendall(b'HTTP/1.1 " +
            answer + " x\\r\\n\\r\\n')\n    client.close()\n");
    const Outcome faked = sh_as_user(
        "set -e; cd " + quote(project()) + "; " + backend() + " create --name fake " + test_image +
        " true > /dev/null; rm -rf root; mkdir root; " + backend() +
        " export fake | tar -C root -x --exclude=dev; " + backend() +
        " rm fake > /dev/null; guard=$(dirname " + DRYDOCK_PROGRAM +
        ")/drydock-guard; cp $guard root/usr/bin/real-guard; for f in $(ldd $guard | grep -o '/[^ )]*'); do "
        "test -e root/$f || { mkdir -p root/$(dirname $f); cp -L $f root/$f; }; done; mkdir -p "
        "root/etc/drydock; cp guard.py root/usr/bin/drydock-guard; chmod 755 root/usr/bin/drydock-guard "
        "root/usr/bin/real-guard; tar -C root -c "
        ". | " +
        backend() + " import --change 'LABEL io.drydock.content=" + label + "' - " + reference +
        " > /dev/null; rm -rf root");
    ASSERT_EQ(faked.status, 0) << faked;
    sh("rm -f " + quote(project() + "/started"));
    const Outcome refused = run("", "touch started");
    EXPECT_EQ(refused.status, 125) << refused;
    EXPECT_NE(refused.err.find(words), std::string::npos) << words << " " << refused;
    EXPECT_FALSE(started()) << "the command ran";
    EXPECT_EQ(leftovers(), "");
    if (probe) {
      const Outcome unchecked = run("--no-canary", "touch started");
      EXPECT_EQ(unchecked.status, 0) << "the control: only the canary refused it " << unchecked;
      EXPECT_TRUE(started());
    }
  }
  ASSERT_EQ(drydock("build --no-cache").status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Canary, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
