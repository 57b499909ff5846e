// drydock doctor: where it says that a run would work one does, where it says that one would fail it fails,
// and what is broken in the lab is told with the way to mend it.
#include "doctor.hpp"

namespace drydock::conformance {
namespace {

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
  // The gaps are judged for this engine.
  const bool rootful = all.out.find(", rootful, ") != std::string::npos;
  EXPECT_NE(all.out.find(std::string(rootful ? "open here    (k)" : "not here     (k)")), std::string::npos)
      << all;
  EXPECT_NE(all.out.find("remains in contained sessions on an engine that is root's: one-way datagrams"),
            std::string::npos)
      << all;
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
  // What happens to tinyproxy, which the guard starts again, is in the session's log.
  EXPECT_EQ(live.at(0).at("proxy").at("restarts"), 0) << live;
  EXPECT_EQ(said.find("its tinyproxy was started again"), std::string::npos) << "the control: " << said;
  const std::string guard(trim(engine("inspect --format '{{.State.Pid}}' " + sidecar).out));
  for (int times = 1; times <= 2; ++times) {
    ASSERT_EQ(sh("kill -KILL $(pgrep -P " + guard + " -x tinyproxy)").status, 0);
    ASSERT_EQ(sh_as_user("for i in $(seq 100); do test $(" + drydock_words() + " logs --egress " + id +
                         " | grep -c 'is started again') = " + std::to_string(times) + " && pgrep -P " +
                         guard + " -x tinyproxy > /dev/null && exit; sleep 0.1; done; exit 1")
                  .status,
              0);
  }
  const std::string again = drydock("doctor").out;
  const auto told = again.find("by its log, its tinyproxy was started again 2 times; lastly at ");
  ASSERT_NE(told, std::string::npos) << again;
  EXPECT_NE(again.find("the proxy was ended by signal 9 and is started again\n", told), std::string::npos)
      << again;
  EXPECT_NE(again.find("drydock logs --egress " + id, told), std::string::npos) << again;
  // Rootless Podman cannot pause where control groups are version 1.
  if (engine("pause " + sidecar).status == 0) {
    const Outcome paused = drydock("doctor");
    const std::string command = backend() + " unpause " + sidecar;
    EXPECT_NE(paused.out.find("has no egress: its sidecar is paused\n               fix: " + command + "\n"),
              std::string::npos)
        << paused;
    EXPECT_EQ(sh_as_user(command).status, 0);
    EXPECT_EQ(drydock("doctor").out.find("is paused"), std::string::npos) << "the control";
  } else {
    EXPECT_EQ(backend(), "podman");
  }
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
