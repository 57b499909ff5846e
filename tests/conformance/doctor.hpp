// drydock doctor in the lab: what it says of a set-up, and what a run makes of the same.
#pragma once

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {

// Agents that end at once, so that what doctor judges can be run as it is: one that runs in the base, and one
// that has an image of its own.
inline constexpr const char* idle_profile = R"({
  "schema": 1, "name": "idle", "summary": "for this test", "command": ["true"],
  "baseline": [{"host": "base.test", "reason": "for this test"}]
})";
inline constexpr const char* packed_profile = R"({
  "schema": 1, "name": "packed", "summary": "for this test", "command": ["true"], "baseline": [],
  "packages": ["hello"]
})";

class Doctor : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    // The images of agents, from the one that the suite has.
    const std::string version(trim(drydock("version").out));
    version_ = version.substr(version.find(' ') + 1);
    base_ = "localhost/drydock-base:" + version_;
    give(base_);
    configure("~/.config");
  }
  void TearDown() override {
    sh(repair_);
    engine("rmi " + base_);
    sh_as_user("rm -rf ~/.config/drydock/agents ~/.config/drydock/config");
    Conformance::TearDown();
  }
  void give(const std::string& reference) const {
    const Outcome tagged = engine("tag " + std::string(test_image) + " " + reference);
    ASSERT_EQ(tagged.status, 0) << tagged;
  }
  // The files of a user whose agent is 'idle'. `folder` is for the shell.
  static void configure(const std::string& folder) {
    const std::string own = folder + "/drydock";
    const Outcome written =
        sh_as_user("mkdir -p " + own + "/agents && echo agent = idle > " + own + "/config && cat > " + own +
                   "/agents/idle.json << 'END' && cat > " + own + "/agents/packed.json << 'PACKED'\n" +
                   idle_profile + "\nEND\n" + packed_profile + "\nPACKED");
    ASSERT_EQ(written.status, 0) << written;
  }
  // As root; undone at the end, and by mend().
  void damage(const std::string& script, const std::string& repair) {
    repair_ = repair;
    const Outcome done = sh(script);
    ASSERT_EQ(done.status, 0) << done;
  }
  void mend() {
    const Outcome done = sh(repair_);
    ASSERT_EQ(done.status, 0) << done;
    repair_ = "true";
  }
  // drydock with a configuration of the test's own.
  Outcome user_runs(const std::string& arguments) const {
    return sh_as_user("cd " + quote(project()) + " && " + environment_ + drydock_words() + " " + arguments);
  }
  // doctor and a run agree that it works.
  void expect_works(const std::string& when) const {
    const Outcome said = user_runs("doctor");
    EXPECT_EQ(said.status, 0) << when << " " << said;
    EXPECT_TRUE(starts_with(said.out, "drydock run would work here: contained (the default) on " + backend()))
        << when << " " << said;
    EXPECT_EQ(said.err, "") << when;
    const Outcome ran = user_runs("run < /dev/null");
    EXPECT_EQ(ran.status, 0) << when << " " << ran;
  }
  // doctor says that a run would fail, and one does; there is one problem, and these are its words.
  void expect_fails(const std::string& when, const std::string& what, const std::string& fix) const {
    const Outcome said = user_runs("doctor");
    EXPECT_EQ(said.status, 1) << when << " " << said;
    EXPECT_TRUE(starts_with(said.out, "drydock run would fail here")) << when << " " << said;
    const auto problem = said.out.find(what);
    ASSERT_NE(problem, std::string::npos) << when << " " << said;
    const auto lines = split(said.out.substr(problem), '\n');
    EXPECT_NE(lines.at(1).find("fix: "), std::string::npos) << when << " " << said;
    EXPECT_NE(lines.at(1).find(fix), std::string::npos) << when << " " << said;
    const Outcome json = user_runs("--json doctor");
    EXPECT_EQ(json.status, 1) << when;
    EXPECT_EQ(parse_json(json.out, "a report").at("works"), false) << when;
    const Outcome ran = user_runs("run < /dev/null");
    EXPECT_NE(ran.status, 0) << when << " doctor is wrong: " << ran;
  }

  // Without permission: doctor names the way out, a run names the same, and it mends.
  void expect_opens(const std::string& path, const std::string& what, const std::string& fix) const {
    if (sh_as_user("id -u").out == "0\n") return;  // whom no mode keeps out
    ASSERT_EQ(sh_as_user("chmod 0 " + path).status, 0);
    expect_fails("without permission", what + "Permission denied", "fix: " + fix);
    const Outcome said = user_runs("doctor");
    for (const char* useless : {"correct or remove", "drydock agents lists"})
      EXPECT_EQ(said.out.find(useless), std::string::npos) << said;
    const Outcome ran = user_runs("run < /dev/null");
    EXPECT_NE(ran.err.find("hint: " + fix + "\n"), std::string::npos) << ran;
    ASSERT_EQ(sh_as_user(fix.substr(fix.find(": ") + 2)).status, 0);
    expect_works("after what doctor said");
  }

  void hide_socket() {
    const bool docker = backend() == "docker";
    const std::string socket = docker ? "/run/docker.sock" : "/run/podman/podman.sock";
    if (docker) {
      damage("chmod 600 " + socket, "chmod 660 " + socket);
      expect_fails("without permission", "permission denied", "join group docker");
      mend();
    }
    damage("mv " + socket + " /run/hidden.sock", "mv /run/hidden.sock " + socket);
    expect_fails("without a socket", socket, docker ? "systemctl start docker" : "podman info");
    mend();
    expect_works("the control");
  }
  void break_rootless_podman() {
    damage("chmod 600 /dev/net/tun", "chmod 666 /dev/net/tun");
    expect_fails("without the device", "/dev/net/tun cannot be opened: Permission denied",
                 "sudo chmod 666 /dev/net/tun");
    mend();
    // That has left Podman 4 in a state from which only the command that doctor names leads out.
    const Outcome said = drydock("doctor");
    if (said.status != 0) {
      const auto command = said.out.find("rm /run/user/");
      ASSERT_NE(command, std::string::npos) << said;
      expect_fails("with a dead namespace", "left its namespace", "end your containers, then: rm /run/user/");
      ASSERT_EQ(sh_as_user(split(said.out.substr(command), '\n').front()).status, 0);
    }
    expect_works("the control");

    // A user namespace that Podman has made keeps the ids it was made with, and so does a service that runs.
    const std::string anew =
        "for i in $(seq 100); do test -S /run/user/1000/drydock/podman.sock || break; sleep 0.1; done; " +
        std::string(DRYDOCK_LAB_SCRIPTS) + "/as-dev podman system migrate";
    damage("cp /etc/subuid /etc/subuid.kept; : > /etc/subuid; " + anew,
           "mv /etc/subuid.kept /etc/subuid; " + anew);
    expect_fails("without ids", "dev has no range of ids in /etc/subuid", "usermod --add-subuids");
    mend();
    expect_works("the control");
  }

  // The run itself names the same way out.
  void expect_same_of_run(const std::string& fix) const {
    const Outcome ran = user_runs("run < /dev/null");
    EXPECT_EQ(ran.status, 125) << ran;
    EXPECT_NE(ran.err.find("hint: make it with: " + fix + "\n"), std::string::npos) << ran;
  }

  std::string version_;
  std::string base_;
  std::string environment_;

 private:
  std::string repair_ = "true";
};

}  // namespace drydock::conformance
