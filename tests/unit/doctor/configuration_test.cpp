// What doctor makes of the files of a configuration: which are read, which are wrong, and what mends each.
#include <sys/stat.h>

#include "base/scope_exit.hpp"
#include "base/text.hpp"
#include "core/agent_tokens.hpp"
#include "core/project.hpp"
#include "doctor.hpp"
#include "nobody.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::FindingStatus;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Doctor, AnUnreadableConfiguration) {
  fs::create_directories(options.machine_config);
  expect_problem("machine-settings", "it is a directory", "=> put a file in its place");
  fs::remove(options.machine_config);
  std::ofstream(options.machine_config) << "\npublic-range = everywhere\n";
  expect_problem("machine-settings", "machine:2'", "write it as 198.18.0.0/15");
  fs::remove(options.machine_config);

  fs::create_directories(config + "/egress-allowlist");
  expect_problem("allowlist", "cannot read allowlist '" + config + "/egress-allowlist': it is a directory",
                 "=> put a file in its place");
  fs::remove(config + "/egress-allowlist");
  write("egress-allowlist", "example.org\nhttps://example.org/\n");
  expect_problem("allowlist", "egress-allowlist:2", "=> write example.org");
  write("egress-allowlist", "example.org\n");
  EXPECT_EQ(examine().filter->size(), 2U) << "the control";
}

// The same files, and their folders, where their modes keep the user out.
class DoctorOnClosedFiles : public Doctor {
 protected:
  void SetUp() override {
    Doctor::SetUp();
    if (IsSkipped()) return;
    write("egress-allowlist", "example.org\n");
    write("agents/fifth.json", "{}");
    write("groups/mine.hosts", "example.org # why\n");
    std::ofstream(options.machine_config) << "public-range = 203.0.113.0/24\n";
    test::give_to_nobody(directory.path());
    test::give_to_nobody(machine.root());
  }
  // All problems and warnings of the configuration, as they are told while `path` is closed.
  std::string told_without(const std::string& path) {
    struct stat before {};
    EXPECT_EQ(::stat(path.c_str(), &before), 0);
    EXPECT_EQ(::chmod(path.c_str(), 0), 0);
    const ScopeExit open([&] { ::chmod(path.c_str(), before.st_mode & 07777); });
    const test::AsNobody user;
    const DoctorReport report = examine();
    EXPECT_FALSE(report.works());
    EXPECT_THAT(told(report, FindingStatus::ok), testing::Not(HasSubstr("no configuration file is there")));
    for (const ConfigurationFile& file : report.files) {
      const bool below = file.path == path || file.path.substr(0, path.size() + 1) == path + "/";
      EXPECT_NE(below ? file.state : "", "read") << file.path;
      EXPECT_NE(below ? file.state : "", "absent") << file.path;
    }
    return told(report, FindingStatus::problem) + told(report, FindingStatus::warning);
  }
};

TEST_F(DoctorOnClosedFiles, EachIsToldWithTheCommandThatOpensIt) {
  fs::remove(config + "/agents/fifth.json");
  const std::string list = config + "/egress-allowlist";
  EXPECT_EQ(told_without(list), "allowlist: cannot read allowlist '" + list +
                                    "': Permission denied => make it readable for you: chmod u+r " + list +
                                    "\n");
  EXPECT_EQ(told_without(options.machine_config),
            "machine-settings: cannot read configuration '" + options.machine_config +
                "': Permission denied => make it readable for you: chmod u+r " + options.machine_config +
                "\n");
}

TEST_F(DoctorOnClosedFiles, AProfileIsToldForAllThatNeedsIt) {
  const std::string profile = config + "/agents/fifth.json";
  const std::string told = told_without(profile);
  const std::string words = "cannot read file '" + profile +
                            "': Permission denied => make it readable for you: chmod u+r " + profile + "\n";
  EXPECT_THAT(told, HasSubstr("agents: " + words));
  EXPECT_THAT(told, HasSubstr("agent: " + words));
  EXPECT_THAT(told, testing::Not(HasSubstr("drydock agents lists"))) << "which fails for the same reason";
}

TEST_F(DoctorOnClosedFiles, AFolderIsTheOneThingToMend) {
  for (const std::string& folder : {config, directory.path() + "/config"}) {
    const std::string told = told_without(folder);
    EXPECT_THAT(told, HasSubstr("allowlist: cannot read allowlist '" + config + "/egress-allowlist': "));
    EXPECT_THAT(told, HasSubstr("agents: cannot read folder '" + config + "/agents': "));
    EXPECT_THAT(told, HasSubstr("groups: cannot read folder '" + config + "/groups': "));
    std::size_t lines = 0;
    for (const std::string& line : split(told, '\n')) {
      if (line.empty()) continue;
      ++lines;
      EXPECT_THAT(line, testing::EndsWith(
                            "': Permission denied => open the folder for yourself: chmod u+rwx " + folder));
    }
    EXPECT_GE(lines, 5U) << told;
  }
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

}  // namespace
}  // namespace drydock::core
