// drydock doctor as a whole, on set-ups with one thing broken: each is told, with the way to mend it, and the
// exit status says whether a run would fail.
#include "doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "core/project.hpp"
#include "core/tinyproxy_defects.hpp"
#include "docker/docker_provider.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::FindingStatus;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Doctor, ASoundSetUpWorks) {
  const DoctorReport report = examine();
  EXPECT_TRUE(report.works());
  EXPECT_EQ(told(report, FindingStatus::problem), "");
  EXPECT_EQ(told(report, FindingStatus::warning), "");
  EXPECT_EQ(report.runtime, "podman");
  EXPECT_EQ(report.mode->mode, Mode::contained);
  ASSERT_NE(report.chosen(), nullptr);
  EXPECT_EQ(report.filter->size(), 1U) << "the baseline";
  EXPECT_THAT(told(report, FindingStatus::ok), HasSubstr("plan: a session here can be planned"));
  EXPECT_TRUE(podman->connect({})->system().info().rootless);
}

// As a run chooses it: without a command, of what the configuration says.
TEST_F(Doctor, TheImageOfTheRunThatWouldBeMadeIsJudged) {
  EXPECT_THAT(told(examine(), FindingStatus::ok), HasSubstr("the-agent 1.2"));
  const std::string image = agent_image_reference(default_agent);
  const auto expect_same_of_run = [&](const std::string& fix) {
    RunOptions run = options.run;
    run.directory = options.directory;
    try {
      plan_run(*podman->connect({}), prepare_run(run), stop);
      FAIL() << "a run works, against what doctor says";
    } catch (const Error& error) {
      EXPECT_EQ(error.hint(), "make it with: " + fix) << error.what();
    }
  };
  podman->images.erase(image);
  expect_problem("agent-image", image + " is not there: what drydock run would run agent 'claude' in",
                 "drydock build --agent claude");
  expect_same_of_run("drydock build --agent claude");
  EXPECT_THAT(told(examine(), FindingStatus::not_checked), HasSubstr("plan: "));

  options.run.packages = {"gcc", "make"};
  podman->images[image];
  expect_problem("agent-image", "the configuration wants it with gcc, make",
                 "drydock build --agent claude, in this folder");
  expect_same_of_run("drydock build --agent claude, in this folder");
  podman->images[agent_image_reference(default_agent, options.run.packages)].id = "sha256:listed";
  podman->images.erase(base_image_reference());
  EXPECT_TRUE(examine().works());
  EXPECT_THAT(told(examine(), FindingStatus::note), testing::Not(HasSubstr("base-image"))) << "never taken";
}

TEST_F(Doctor, AMissingBaseMattersWhereARunTakesIt) {
  podman->images.erase(base_image_reference());
  DoctorReport report = examine();
  EXPECT_TRUE(report.works()) << told(report, FindingStatus::problem);
  EXPECT_THAT(told(report, FindingStatus::ok), HasSubstr("plan: a session here can be planned"));
  EXPECT_THAT(told(report, FindingStatus::note),
              HasSubstr(base_image_reference() + " is not there; it is for agents that have no image"));
  EXPECT_THAT(told(report, FindingStatus::note), HasSubstr("=> drydock build --base bootstrap"));
  options.run.agent = "shell";
  expect_problem("base-image", base_image_reference() + " is not there", "drydock build --base bootstrap");
  podman->images[base_image_reference()].id = "sha256:base";
  podman->images.erase(agent_image_reference(default_agent));
  report = examine();
  EXPECT_TRUE(report.works()) << "the default agent is not asked for";
  EXPECT_THAT(told(report, FindingStatus::ok), HasSubstr("plan: a session here can be planned"));
}

TEST_F(Doctor, NoSubordinateIds) {
  machine.remove("/etc/subuid");
  expect_problem("subuid", "dev has no range of ids in /etc/subuid", "sudo usermod --add-subuids");
}

TEST_F(Doctor, NoTun) {
  machine.remove("/dev/net/tun");
  expect_problem("tun", "/dev/net/tun cannot be opened", "sudo modprobe tun");
}

TEST_F(Doctor, HybridControlGroups) {
  machine.make_hybrid();
  podman->alter = [](auto& fake) { fake.info.components["crun"] = "crun version 1.8.1"; };
  expect_problem("cgroups", "hybrid", "systemd.unified_cgroup_hierarchy=1");
}

TEST_F(Doctor, NoTinyproxy) {
  environment.set("PATH", "/nonexistent");
  expect_problem("sidecar-image", "tinyproxy is not installed", "apt install tinyproxy-bin");
}

TEST_F(Doctor, ASidecarImageThatIsNotThereIsMadeByTheNextRun) {
  podman->images.erase(sidecar_image_reference());
  const DoctorReport report = examine();
  EXPECT_TRUE(report.works());
  EXPECT_THAT(told(report, FindingStatus::note), HasSubstr("the next run makes it"));
}

TEST_F(Doctor, OldNetavark) {
  podman->alter = [](auto& fake) {
    fake.info.components["netavark"] = "netavark 1.4.0";
    fake.info.components["aardvark-dns"] = "aardvark-dns 1.4.0";
  };
  const DoctorReport report = examine();
  EXPECT_TRUE(report.works()) << "drydock closes what they have open";
  const std::string notes = told(report, FindingStatus::note);
  EXPECT_THAT(notes, HasSubstr("aardvark-dns 1.4.0: names leave internal networks"));
  EXPECT_THAT(notes, HasSubstr("upgrade aardvark-dns to 1.11 or newer"));
  EXPECT_THAT(notes, HasSubstr("upgrade netavark to 1.15.1 or newer"));

  podman->alter = [](auto& fake) { fake.info.network_backend = "cni"; };
  expect_problem("supported", "its network backend is cni", "apt install netavark");
}

TEST_F(Doctor, TheTinyproxyThatSessionsHaveIsJudged) {
  const Tinyproxy tinyproxy = installed_tinyproxy();
  const Finding expected = judge_tinyproxy(tinyproxy_build(tinyproxy.path, tinyproxy.version));
  EXPECT_THAT(told(examine(), expected.status), HasSubstr("proxy-defects: " + expected.what));
  environment.set("DRYDOCK_DOOD", "1");
  EXPECT_THAT(told(examine(), expected.status), testing::Not(HasSubstr("proxy-defects")));
}

TEST_F(Doctor, OverlaysAreNamedAndJudged) {
  EXPECT_THAT(told(examine(), FindingStatus::ok), testing::Not(HasSubstr("overlay: ")));
  write("agents/claude.overlay/.claude/CLAUDE.md", "mine");
  EXPECT_THAT(told(examine(), FindingStatus::ok), HasSubstr("overlay: new sessions begin with files of " +
                                                            config + "/agents/claude.overlay (1 file)"));
  write("agents/claude.overlay/.claude/.credentials.json", "hush");
  expect_problem("overlay", "/.claude/.credentials.json': the agent keeps its login there", "take it out");
  fs::remove_all(config + "/agents/claude.overlay");
  write("agents/codex.overlay/.codex/auth.json", "hush");
  expect_warning("overlay", "codex.overlay/.codex/auth.json'", "take it out");
  fs::remove_all(config + "/agents/codex.overlay");
  write("agents/shell.overlay/.profile", "mine");
  expect_warning("overlay", "is not used: the profile of shell has no state", "take it away");
}

TEST_F(Doctor, ConflictingPins) {
  const Project project = resolve_project(options.directory);
  write("dood/" + project.key, "");
  write("contain/" + project.name, "");
  expect_warning("pins", "the project is pinned to both modes", "rm " + config + "/dood/" + project.key);
  EXPECT_EQ(examine().mode->mode, Mode::contained);
  environment.set("DRYDOCK_DOOD", "1");
  environment.set("DRYDOCK_CONTAIN", "1");
  EXPECT_THAT(told(examine(), FindingStatus::warning), HasSubstr("contradict each other"));
  environment.set("DRYDOCK_CONTAIN", "yes");
  EXPECT_THAT(told(examine(), FindingStatus::note),
              HasSubstr("DRYDOCK_CONTAIN is 'yes', which says nothing"));
}

TEST_F(Doctor, InDoodModeTheSidecarIsNotNeeded) {
  write("default-dood", "");
  environment.set("PATH", "/nonexistent");
  const DoctorReport report = examine();
  EXPECT_EQ(report.mode->mode, Mode::dood);
  EXPECT_EQ(told(report, FindingStatus::problem), "");
  EXPECT_THAT(told(report, FindingStatus::note), HasSubstr("tinyproxy is not installed"));
  EXPECT_THAT(told(report, FindingStatus::note), HasSubstr("no jail applies"));
}

TEST_F(Doctor, AFolderThatCannotBeAProject) {
  options.directory = "/";
  expect_problem("folder", "'/'", "");
  options.directory = directory.path() + "/none";
  expect_problem("folder", "/none", "");
}

TEST_F(Doctor, AnOldNetworkIsToldWithTheCommandThatRemovesIt) {
  podman->alter = [](auto& fake) { fake.network_map["drydock_net"].name = "drydock_net"; };
  expect_warning("old-network",
                 "sessions have their own now, and what else may be on it was not looked at",
                 "podman ps -a --filter network=drydock_net: podman network rm drydock_net");
}

TEST_F(Doctor, AnEngineThatDoesNotAnswer) {
  podman->failure =
      Error(ErrorKind::unavailable, "cannot start 'podman system service': newuidmap failed", "see");
  machine.remove("/etc/subuid");
  const DoctorReport report = examine();
  EXPECT_FALSE(report.works());
  EXPECT_EQ(report.chosen(), nullptr);
  EXPECT_EQ(report.fix, "see");
  const std::string problems = told(report, FindingStatus::problem);
  EXPECT_THAT(problems, HasSubstr("connect: cannot start 'podman system service'"));
  EXPECT_THAT(problems, HasSubstr("subuid: dev has no range of ids")) << "the reason behind it";
  EXPECT_THAT(told(report, FindingStatus::not_checked), HasSubstr("no engine answers")) << "and no claim";
}

TEST_F(Doctor, AnUnknownRuntimeIsWrongUse) {
  options.runtime = "crun";
  try {
    examine();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
  }
}

// The real provider, on sockets that are not what they should be.
class DoctorOnDocker : public Doctor {
 protected:
  void SetUp() override {
    Doctor::SetUp();
    if (IsSkipped()) return;
    providers.clear();
    providers.push_back(docker::make_provider());
    options.runtime = "docker";
    path = directory.path() + "/docker.sock";
    environment.set("DOCKER_HOST", "unix://" + path);
    socket = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  std::string path;
  UniqueFd socket;
};

TEST_F(DoctorOnDocker, AStoppedDaemon) {
  expect_problem("connect", "docker", "start Docker (systemctl start docker)");
  ASSERT_EQ(::unlink(path.c_str()), 0);
  expect_problem("connect", "docker", "start Docker (systemctl start docker)");
}

TEST_F(DoctorOnDocker, NoPermissionOnTheSocket) {
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const bool root = ::geteuid() == 0;
  const ScopeExit back([&] {
    if (root && ::seteuid(0) != 0) std::abort();
  });
  if (root) {
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const DoctorReport report = core::examine(providers, options, stop);
  EXPECT_FALSE(report.works());
  const std::string problems = told(report, FindingStatus::problem);
  EXPECT_THAT(problems, HasSubstr("connect: "));
  EXPECT_THAT(problems, HasSubstr("permission"));
  EXPECT_THAT(problems, HasSubstr("use rootless Podman (--runtime podman), or join group docker"));
}

}  // namespace
}  // namespace drydock::core
