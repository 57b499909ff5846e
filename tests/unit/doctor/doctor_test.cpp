// drydock doctor as a whole, on set-ups with one thing broken: each is told, with the way to mend it, and the
// exit status says whether a run would fail.
#include "core/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "../core/orchestration.hpp"
#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "core/agent_image.hpp"
#include "core/agent_tokens.hpp"
#include "core/bootstrap.hpp"
#include "core/project.hpp"
#include "core/sidecar_image.hpp"
#include "core/tinyproxy_defects.hpp"
#include "docker/docker_provider.hpp"
#include "machine.hpp"
#include "podman/examine.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::FindingStatus;
using testing::ElementsAre;
using testing::HasSubstr;

// Podman in memory, on a machine that is a folder.
class FakePodman : public runtime::EngineProvider {
 public:
  std::string name() const override { return "podman"; }
  bool present() const override { return true; }
  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions&) const override {
    if (failure) throw *failure;
    auto engine = std::make_unique<test::FakeEngine>();
    engine->info.components = {{"podman", "6.2.0"}, {"crun", "crun version 1.30"}};
    engine->info.oci_runtime = "crun";
    engine->info.storage_driver = "overlay";
    engine->image_map = images;
    if (alter) alter(*engine);
    return engine;
  }
  std::vector<std::string> programs() const override { return podman::examined_programs(); }
  runtime::Findings judge(const runtime::HostFacts& host, const runtime::EngineInfo* info) const override {
    runtime::HostFacts facts = host;
    // Only root can make a program that runs as root.
    for (const char* program : {"newuidmap", "newgidmap"}) {
      if (facts.programs.count(program) != 0) facts.programs.at(program).privileged = true;
    }
    return podman::examine(facts, info);
  }

  std::map<std::string, runtime::ImageReport> images;
  std::optional<Error> failure;
  std::function<void(test::FakeEngine&)> alter;
};

class Doctor : public Orchestration {
 protected:
  void SetUp() override {
    if (!has_tinyproxy())
      GTEST_SKIP() << "the sidecar's image is made from tinyproxy, which is not installed";
    auto provider = std::make_unique<FakePodman>();
    podman = provider.get();
    give_sidecar_image(*engine);
    podman->images = engine->image_map;
    podman->images[base_image_reference()].id = "sha256:base";
    podman->images[agent_image_reference(default_agent)].labels = {{image_packages_label, "the-agent 1.2"}};
    providers.push_back(std::move(provider));
    environment.set("DOCKER_HOST", std::nullopt);
    options.runtime = "podman";
    options.directory = directory.path() + "/demo";
    options.host = machine.place();
    options.machine_config = directory.path() + "/machine";
    config = directory.path() + "/config/drydock";
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(config + "/" + name).parent_path());
    std::ofstream(config + "/" + name) << text;
  }
  DoctorReport examine() {
    DoctorReport report = core::examine(providers, options, stop);
    for (const Finding& finding : findings_of(report)) {
      const bool wrong = finding.status == FindingStatus::problem || finding.status == FindingStatus::warning;
      EXPECT_FALSE(wrong && finding.fix.empty()) << finding.what;
      EXPECT_EQ(finding.fix.find('\n'), std::string::npos) << finding.fix;
    }
    return report;
  }
  static runtime::Findings findings_of(const DoctorReport& report) {
    runtime::Findings all;
    for (const auto& entry : report.engines)
      all.insert(all.end(), entry.findings.begin(), entry.findings.end());
    for (const auto& section : report.sections)
      all.insert(all.end(), section.findings.begin(), section.findings.end());
    return all;
  }
  static std::string told(const DoctorReport& report, FindingStatus status) {
    std::string text;
    for (const Finding& finding : findings_of(report)) {
      if (finding.status == status) text += finding.id + ": " + finding.what + " => " + finding.fix + "\n";
    }
    return text;
  }
  // It is the only thing that is wrong, and it has this way out.
  void expect_problem(const std::string& id, const std::string& what, const std::string& fix) {
    const DoctorReport report = examine();
    EXPECT_FALSE(report.works()) << what;
    const std::string problems = told(report, FindingStatus::problem);
    EXPECT_THAT(problems, testing::StartsWith(id + ": ")) << what;
    EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 1) << problems;
    EXPECT_THAT(problems, HasSubstr(what));
    EXPECT_THAT(problems.substr(problems.find(" => ")), HasSubstr(fix));
  }
  void expect_warning(const std::string& id, const std::string& what, const std::string& fix) {
    const DoctorReport report = examine();
    EXPECT_TRUE(report.works()) << told(report, FindingStatus::problem);
    const std::string warnings = told(report, FindingStatus::warning);
    EXPECT_THAT(warnings, testing::StartsWith(id + ": ")) << what;
    EXPECT_THAT(warnings, HasSubstr(what));
    EXPECT_THAT(warnings, HasSubstr(fix));
  }

  test::Machine machine;
  FakePodman* podman = nullptr;
  Providers providers;
  DoctorOptions options;
  std::string config;
};

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

TEST_F(Doctor, AnUnreadableConfiguration) {
  fs::create_directories(options.machine_config);
  expect_problem("machine-settings", "it is not a file that this user may read", "make it readable");
  fs::remove(options.machine_config);
  std::ofstream(options.machine_config) << "\npublic-range = everywhere\n";
  expect_problem("machine-settings", "machine:2'", "write it as 198.18.0.0/15");
  fs::remove(options.machine_config);

  fs::create_directories(config + "/egress-allowlist");
  expect_problem("allowlist", config + "/egress-allowlist", "");
  fs::remove(config + "/egress-allowlist");
  write("egress-allowlist", "example.org\nhttps://example.org/\n");
  expect_problem("allowlist", "egress-allowlist:2", "");
  write("egress-allowlist", "example.org\n");
  EXPECT_EQ(examine().filter->size(), 2U) << "the control";
}

TEST_F(Doctor, WhatTheSettingsSayIsWhatIsLookedAt) {
  const std::string file = directory.path() + "/settings";
  std::ofstream(file) << "x";
  options.settings = {{file, "settings", "read"}};
  options.run.allow.hosts = {{"conf.example.org", file + ":3"}, {"more.example.org", file + ":4"}};
  DoctorReport report = examine();
  ASSERT_TRUE(report.filter);
  std::vector<std::string> filter;
  for (const Entry& entry : *report.filter)
    filter.push_back(entry.pattern.to_string() + " " + entry.source.to_string());
  EXPECT_THAT(filter, ElementsAre("api.anthropic.com baseline (claude)", "conf.example.org " + file + ":3",
                                  "more.example.org " + file + ":4"));
  EXPECT_THAT(told(report, FindingStatus::ok), HasSubstr("2 of " + file));
  EXPECT_THAT(to_json(report).at("egress").dump(),
              HasSubstr("{\"from\":\"" + file + ":3\",\"host\":\"conf.example.org\"}"));

  options.run.allow.hosts[0].value = "*.com";
  expect_problem("allowlist", "'" + file + ":3': '*.com'", "what one owner has");
  options.run.allow.hosts.clear();

  options.run.agent = "codex";
  report = examine();
  EXPECT_EQ(report.sources.front().name, "baseline (codex)");
  EXPECT_THAT(told(report, FindingStatus::problem), HasSubstr(agent_image_reference("codex")))
      << "its image, and not that of the default agent";
  options.run.agent = "nobody";
  EXPECT_THAT(told(examine(), FindingStatus::problem), HasSubstr("agent: cannot use agent 'nobody'"));
  options.run.agent.clear();

  options.run.image = "example.org/mine:1";
  expect_problem("image", "example.org/mine:1 is not there", "pull = missing");
  options.run.pull = PullPolicy::missing;
  EXPECT_TRUE(examine().works());
  EXPECT_THAT(told(examine(), FindingStatus::not_checked), HasSubstr("its image is fetched first"));
  options.run = {};

  options.wrong_configuration = {
      Error(ErrorKind::invalid, "cannot read configuration 'there:2': it is wrong", "mend it")};
  expect_problem("settings", "there:2", "mend it");
}

TEST_F(Doctor, WhatTheUserAddedIsListedAndJudged) {
  write("agents/fifth.json", "{");
  DoctorReport report = examine();
  EXPECT_FALSE(report.works());
  EXPECT_THAT(told(report, FindingStatus::problem), HasSubstr("agents/fifth.json"));
  const auto state = [&](const std::string& name) {
    for (const ConfigurationFile& file : report.files) {
      if (file.path == config + "/" + name) return file.what + " " + file.state;
    }
    return std::string("none");
  };
  EXPECT_EQ(state("agents/fifth.json"), "agent profile wrong");
  fs::remove(config + "/agents/fifth.json");
  write("groups/mine.hosts", "example.org\n");
  report = examine();
  EXPECT_TRUE(report.works());
  EXPECT_THAT(told(report, FindingStatus::warning), HasSubstr("groups: cannot read group"));
  write("groups/mine.hosts", "example.org # because\n");
  const Project project = resolve_project(options.directory);
  write("projects/" + project.key + "/links", "");
  report = examine();
  EXPECT_EQ(told(report, FindingStatus::warning), "");
  EXPECT_EQ(state("groups/mine.hosts"), "group of hosts read");
  EXPECT_EQ(state("projects/" + project.key + "/links"), "links read");
}

TEST_F(Doctor, ANameThatTwoProjectsHave) {
  const Project project = resolve_project(options.directory);
  write("egress-allowlist-" + project.name, "bare.example.org\n");
  EXPECT_EQ(examine().filter->size(), 2U) << "the control: it is read where nobody else has the name";
  write("egress-allowlist-" + project.name + "-00000000", "other.example.org\n");
  expect_warning("bare-name", "more than one project is called '" + project.name + "'",
                 "egress-allowlist-" + project.key);
  EXPECT_EQ(examine().filter->size(), 1U);
}

TEST_F(Doctor, TokensThatAreKeptAreNamedAndJudged) {
  EXPECT_THAT(told(examine(), FindingStatus::ok), HasSubstr("tokens: no token is kept"));
  const std::string file = keep_token("claude", "ANTHROPIC_API_KEY", "hush").file;
  EXPECT_THAT(told(examine(), FindingStatus::ok),
              HasSubstr("tokens: tokens are kept for claude (ANTHROPIC_API_KEY)"));
  EXPECT_THAT(to_json(examine()).dump(), testing::Not(HasSubstr("hush")));
  fs::permissions(file, fs::perms(0644));
  expect_problem("tokens", "others than you may read its file",
                 "drydock setup-token claude --name ANTHROPIC_API_KEY");
  fs::remove(file);
  fs::permissions(keep_token("codex", "OPENAI_API_KEY", "hush").file, fs::perms(0644));
  expect_warning("tokens", "which is kept for agent 'codex'", "drydock setup-token codex");
}

// A session of an image of the user's has no token but that of an agent that is named.
TEST_F(Doctor, ATokenIsJudgedAsTheRunTakesIt) {
  fs::permissions(keep_token("claude", "ANTHROPIC_API_KEY", "hush").file, fs::perms(0644));
  podman->images["own"].id = "sha256:own";
  options.run.image = "own";
  expect_warning("tokens", "others than you may read its file", "drydock setup-token claude");
  EXPECT_THAT(told(examine(), FindingStatus::ok), HasSubstr("plan: a session here can be planned"));
  options.run.agent = "claude";
  expect_problem("tokens", "others than you may read its file", "drydock setup-token claude");
  options.run.agent = "shell";
  expect_warning("tokens", "others than you may read its file", "drydock setup-token claude");
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
                 "sessions of this drydock have their own, and what else may be on it was not looked at",
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
