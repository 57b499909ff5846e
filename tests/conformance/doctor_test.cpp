// drydock doctor: where it says that a run would work one does, where it says that one would fail it fails,
// and what is broken in the lab is told with the way to mend it.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Agents that end at once, so that what doctor judges can be run as it is: one that runs in the base, and one
// that has an image of its own.
constexpr const char* idle_profile = R"({
  "schema": 1, "name": "idle", "summary": "for this test", "command": ["true"],
  "baseline": [{"host": "base.test", "reason": "for this test"}]
})";
constexpr const char* packed_profile = R"({
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

TEST_P(Doctor, ASoundSetUpWorksAndIsLeftAsItIs) {
  expect_works("as it is");
  const std::string before = engine("network ls -q").out + engine("ps -aq").out;
  const Json report = parse_json(drydock("--json doctor").out, "a report");
  EXPECT_EQ(engine("network ls -q").out + engine("ps -aq").out, before) << "it makes nothing";
  EXPECT_EQ(report.at("works"), true);
  EXPECT_EQ(report.at("runtime"), backend());
  EXPECT_EQ(report.at("mode").at("mode"), "contained");
  EXPECT_EQ(report.at("project"), project());
  bool chosen = false;
  for (const Json& entry : report.at("engines")) {
    if (entry.at("chosen") != true) continue;
    chosen = true;
    EXPECT_EQ(entry.at("works"), true) << entry;
    EXPECT_EQ(entry.at("engine").at("version"),
              std::string(trim(engine("version --format '{{.Client.Version}}'").out)));
  }
  EXPECT_TRUE(chosen) << report;
  const Outcome all = drydock("doctor -v");
  EXPECT_EQ(all.status, 0) << all;
  EXPECT_NE(all.out.find("a session here can be planned"), std::string::npos) << all;
  EXPECT_GT(all.out.size(), drydock("doctor").out.size());
}

TEST_P(Doctor, AMissingImageIsTold) {
  ASSERT_EQ(engine("rmi " + base_).status, 0);
  expect_fails("without the image", base_ + " is not there", "drydock build --base bootstrap");
  expect_same_of_run("drydock build --base bootstrap");
  give(base_);
  expect_works("the control");
}

TEST_P(Doctor, AMissingImageOfTheAgentIsTold) {
  // The default agent, for a user who has the base alone.
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  expect_fails("without the agent's image", "localhost/drydock-agent-claude:" + version_ + " is not there",
               "drydock build --agent claude");
  expect_same_of_run("drydock build --agent claude");
  EXPECT_EQ(user_runs("run -- true").status, 0) << "the control: a command needs no agent";

  configure(folder);
  ASSERT_EQ(sh_as_user("echo agent = packed > " + folder + "/drydock/config").status, 0);
  const std::string image = "localhost/drydock-agent-packed:" + version_;
  expect_fails("without its image", image + " is not there", "drydock build --agent packed");
  expect_same_of_run("drydock build --agent packed");
  // Where it is there, nothing asks for the base.
  give(image);
  ASSERT_EQ(engine("rmi " + base_).status, 0);
  expect_works("the control");
  EXPECT_NE(user_runs("doctor").out.find("note         image " + base_ + " is not there"), std::string::npos);
  EXPECT_EQ(engine("rmi " + image).status, 0);
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, AMissingTinyproxyIsTold) {
  damage("touch $TMPDIR/none && chmod 644 $TMPDIR/none && mount --bind $TMPDIR/none /usr/bin/tinyproxy",
         "umount /usr/bin/tinyproxy");
  expect_fails("without tinyproxy", "tinyproxy is not installed", "apt install tinyproxy-bin");
  mend();
  expect_works("the control");
}

TEST_P(Doctor, WhatTheEngineLacksIsTold) {
  // drydock starts rootless Podman by itself, which has needs where the others have a socket.
  const bool rootless = backend() == "podman" && sh_as_user("id -u").out != "0\n";
  if (rootless) {
    break_rootless_podman();
  } else {
    hide_socket();
  }
}

TEST_P(Doctor, AWrongAllowlistIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  const std::string file = folder + "/drydock/egress-allowlist";
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  ASSERT_EQ(sh_as_user("printf 'allowed.test\\nhttps://x.test/\\n' > " + file).status, 0);
  expect_fails("with a URL", file + ":2'", "");
  ASSERT_EQ(sh_as_user("echo allowed.test > " + file).status, 0);
  expect_works("the control");
  const Json egress = parse_json(user_runs("--json doctor").out, "a report").at("egress");
  EXPECT_EQ(egress.at("entries"), 2) << "the baseline, and the file's";
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, AWrongConfigurationIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  const std::string file = folder + "/drydock/config";
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  const auto write = [&](const std::string& text) {
    return sh_as_user("rm -rf " + file + "; printf " + quote(text) + " > " + file).status;
  };
  ASSERT_EQ(write("memoyr = 1g\nagent = idle\n"), 0);
  expect_fails("with a key that is none", file + ":1'", "did you mean 'memory'?");
  ASSERT_EQ(write("keep = true\nmemory = much\nagent = idle\n"), 0);
  expect_fails("with a value that is none", file + ":2'", "write it as 512m or 2g");
  ASSERT_EQ(write("allow = allowed.test\nallow = *.com\nagent = idle\n"), 0);
  expect_fails("with a host that is none", file + ":2': '*.com'", "what one owner has");
  ASSERT_EQ(sh_as_user("rm " + file + " && mkdir " + file).status, 0);
  expect_fails("with a folder in its place", file + "': it is a directory", "put a file in its place");

  ASSERT_EQ(write("agent = idle\nallow = allowed.test\nallow = *.below.test\n"), 0);
  expect_works("the control");
  // What list and doctor say is what a run has, each line with where it stands.
  const Json plan = parse_json(user_runs("--json run --dry-run --allow more.test -- true").out, "a plan");
  const Json listed = parse_json(user_runs("--json egress list").out, "a list").at("entries");
  const Json filter = parse_json(user_runs("--json doctor").out, "a report").at("egress").at("filter");
  ASSERT_EQ(listed.size(), 3U) << listed;
  EXPECT_EQ(listed.at(1).at("host"), "allowed.test");
  EXPECT_EQ(listed.at(1).at("source"), file);
  EXPECT_EQ(listed.at(1).at("line"), 2);
  ASSERT_EQ(filter.size(), 3U) << filter;
  EXPECT_EQ(filter.at(2).at("from"), file + ":3");
  const std::string all = plan.dump();
  for (const Json& entry : filter) {
    EXPECT_NE(all.find(entry.at("host").get<std::string>()), std::string::npos) << all;
    EXPECT_NE(all.find(entry.at("from").get<std::string>()), std::string::npos) << all;
  }
  EXPECT_EQ(user_runs("egress test allowed.test a.below.test").status, 0);
  EXPECT_EQ(user_runs("egress test more.test").status, 1) << "the control: only that run had it";
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, APinOfBothModesIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  ASSERT_EQ(user_runs("-q contain").status, 0);
  EXPECT_EQ(user_runs("doctor").out.find("pinned to both modes"), std::string::npos) << "the control";
  ASSERT_EQ(sh_as_user("cd " + folder + "/drydock && mkdir dood && cp contain/* dood").status, 0);
  const Outcome said = user_runs("doctor");
  const auto problem = said.out.find("the project is pinned to both modes");
  ASSERT_NE(problem, std::string::npos) << said;
  EXPECT_TRUE(starts_with(said.out, "drydock run would work here: contained")) << said;
  // The fix is a command, and it mends.
  const auto command = said.out.find("rm " + folder, problem);
  const auto end = said.out.find(" (to stay contained)", command);
  ASSERT_NE(end, std::string::npos) << said;
  ASSERT_EQ(sh_as_user(said.out.substr(command, end - command)).status, 0) << said;
  EXPECT_EQ(user_runs("doctor").out.find("pinned to both modes"), std::string::npos);
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

// Version 2 of the control groups beside version 1, as a kernel that is told to mounts them.
TEST_P(Doctor, HybridControlGroupsAreTold) {
  const std::string hybrid =
      "mount --make-rprivate /sys; mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup; cd /sys/fs/cgroup; "
      "mkdir "
      "unified systemd; mount -t cgroup2 cgroup2 unified; mount -t cgroup -o none,name=systemd cgroup "
      "systemd; "
      "cd /; exec ";
  const std::string words =
      DRYDOCK_LAB_SCRIPTS "/as-dev sh -c " + quote("cd; " + drydock_words() + " doctor");
  const Outcome usual = sh("exec " + words);
  EXPECT_EQ(usual.out.find("control groups are hybrid"), std::string::npos) << "the control: " << usual;
  const Outcome said = sh("exec unshare --mount sh -c " + quote(hybrid + words));
  const auto problem = said.out.find("control groups are hybrid");
  ASSERT_NE(problem, std::string::npos) << said;
  EXPECT_NE(said.out.find("fix: boot with systemd.unified_cgroup_hierarchy=1", problem), std::string::npos)
      << said;
}

// Podman's netavark with another version's number. Every machine of the lab has one, also where a session is
// Docker's.
TEST_P(Doctor, AnOldNetavarkIsTold) {
  const std::string fix = "upgrade netavark to 1.15.1 or newer";
  const std::string netavark = "/usr/lib/podman/netavark";
  const auto with_version = [&](const std::string& version) {
    const std::string own = "/run/netavark.lab";
    damage("cp " + netavark + " " + own + ".real; printf '#!/bin/sh\n" +
               "test \"$1\" = --version && { echo netavark " + version + "; exit; }\nexec " + own +
               ".real \"$@\"\n' > " + own + " && chmod 755 " + own + " && mount --bind " + own + " " +
               netavark,
           "umount " + netavark);
    const Outcome said = drydock("doctor -v");
    mend();
    return said;
  };
  const Outcome old = with_version("1.4.0");
  EXPECT_NE(old.out.find(fix), std::string::npos) << old;
  const Outcome mended = with_version("1.15.1");
  EXPECT_EQ(mended.out.find(fix), std::string::npos) << "the control: " << mended;
}

// A tinyproxy that says it is older than its package: doctor goes by what it says.
TEST_P(Doctor, AnOldTinyproxyIsTold) {
  const std::string defect = "CVE-2023-49606";
  const std::string fix = "upgrade tinyproxy-bin to a version newer than 1.11.3";
  EXPECT_EQ(drydock("doctor").out.find(defect), std::string::npos) << "the control: " << drydock("doctor");
  damage(
      "printf '#!/bin/sh\necho tinyproxy 1.10.0\n' > /run/tinyproxy.lab && chmod 755 /run/tinyproxy.lab && "
      "mount --bind /run/tinyproxy.lab /usr/bin/tinyproxy",
      "umount /usr/bin/tinyproxy");
  const Outcome old = drydock("doctor");
  mend();
  const auto told = old.out.find("tinyproxy 1.10.0 has known defects by its version. ");
  ASSERT_NE(told, std::string::npos) << old;
  EXPECT_NE(old.out.find(defect, told), std::string::npos) << old;
  EXPECT_NE(old.out.find("here, it hears no field of a tunnel's", told), std::string::npos) << old;
  EXPECT_NE(old.out.find(fix, told), std::string::npos) << old;
}

// The default agent's token cannot be read. A run of an image of the user's does not take it.
TEST_P(Doctor, ATokenIsJudgedAsTheRunTakesIt) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  environment_ = "XDG_CONFIG_HOME=" + folder + "/config XDG_STATE_HOME=" + folder + "/state ";
  const auto configure_as = [&](const std::string& lines) {
    return sh_as_user("mkdir -p " + folder + "/config/drydock && printf " + quote(lines) + " > " + folder +
                      "/config/drydock/config")
        .status;
  };
  const std::string image = "image = " + std::string(test_image) + "\n";
  ASSERT_EQ(configure_as(image), 0);
  ASSERT_EQ(sh_as_user("cd " + quote(project()) + " && echo hush | " + environment_ + drydock_words() +
                       " setup-token claude --name ANTHROPIC_API_KEY")
                .status,
            0);
  const Outcome sound = user_runs("doctor");
  EXPECT_EQ(sound.status, 0) << "the control: " << sound;
  ASSERT_EQ(sh_as_user("find " + folder +
                       " -name ANTHROPIC_API_KEY -exec chmod 644 {} + && "
                       "find " +
                       folder + " -name ANTHROPIC_API_KEY | grep -q .")
                .status,
            0);
  const Outcome said = user_runs("doctor");
  EXPECT_EQ(said.status, 0) << said;
  EXPECT_NE(said.out.find("others than you may read its file"), std::string::npos) << said;
  EXPECT_EQ(user_runs("run -- true").status, 0);
  // Named, the agent's token is taken, and the run fails.
  ASSERT_EQ(configure_as(image + "agent = claude\n"), 0);
  expect_fails("with a token that others may read", "others than you may read its file",
               "drydock setup-token claude");
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, LiveSessionsAreTold) {
  const Outcome started = drydock(
      "run -d --allow allowed.test -- sh -c 'curl -s https://allowed.test/ > /dev/null; curl -s "
      "https://denied.test/; "
      "curl -s https://other.test/; touch done; sleep 1000'");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  ASSERT_EQ(sh("for i in $(seq 100); do test -e " + quote(project() + "/done") +
               " && exit; sleep 0.1; done; exit 1")
                .status,
            0);
  const Json live = parse_json(drydock("--json doctor").out, "a report").at("egress").at("sessions");
  ASSERT_EQ(live.size(), 1U) << live;
  EXPECT_EQ(live.at(0).at("id"), id);
  EXPECT_EQ(live.at(0).at("sidecar"), "running");
  EXPECT_EQ(live.at(0).at("allowed"), 1) << live;
  EXPECT_EQ(live.at(0).at("denied"), 2) << live;
  const std::string said = drydock("-v doctor").out;
  EXPECT_NE(said.find("1 allowed, 2 denied, lastly other.test at "), std::string::npos) << said;
  EXPECT_EQ(live.at(0).at("last_denied").at(1).at("host"), "denied.test") << live;
  EXPECT_NE(said.find("denied.test"), std::string::npos) << said;
  const std::string sidecar(
      trim(engine("ps --format '{{.Names}}' --filter label=io.drydock.role=sidecar").out));
  ASSERT_FALSE(sidecar.empty());
  ASSERT_EQ(engine("kill " + sidecar).status, 0);
  const Outcome ended = drydock("doctor");
  EXPECT_EQ(ended.status, 0) << "the next run is not concerned " << ended;
  EXPECT_NE(ended.out.find("session " + id + " on " + backend() + " has no egress"), std::string::npos)
      << ended;
  EXPECT_NE(ended.out.find("fix: drydock stop " + id), std::string::npos) << ended;
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Doctor, AnOldNetworkIsToldWithTheCommandThatRemovesIt) {
  ASSERT_EQ(engine("network create drydock_net").status, 0);
  const Outcome told = drydock("doctor");
  EXPECT_EQ(told.status, 0) << told;
  // The fix asks first what is on it.
  const std::string question = backend() + " ps -a --filter network=drydock_net";
  const std::string command = backend() + " network rm drydock_net";
  EXPECT_NE(told.out.find("by " + question + ": " + command + "\n"), std::string::npos) << told;
  ASSERT_EQ(
      engine("create --name drydock-old --network drydock_net " + std::string(test_image) + " true").status,
      0);
  const Outcome answer = sh_as_user(question);
  EXPECT_NE(answer.out.find("drydock-old"), std::string::npos) << answer;
  ASSERT_EQ(engine("rm drydock-old").status, 0);
  EXPECT_EQ(sh_as_user(question).out.find("drydock-old"), std::string::npos) << "the control";
  ASSERT_EQ(sh_as_user(command).status, 0);
  EXPECT_EQ(drydock("doctor").out.find("drydock_net"), std::string::npos) << "the control";
}

INSTANTIATE_TEST_SUITE_P(Backend, Doctor, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
