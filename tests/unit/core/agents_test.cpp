#include "core/agents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/temp_file.hpp"
#include "core/allowlist.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* fifth = R"({
  "schema": 1, "name": "fifth", "summary": "one more", "command": ["fifth", "--quiet"],
  "baseline": [{"host": "model.example", "reason": "the model"}, {"host": "*.cdn.example", "reason": "its files"}],
  "environment": {"FIFTH_UPDATES": "0"}, "telemetry_off": {"FIFTH_TELEMETRY": "off"}, "pass": ["FIFTH_MODEL"],
  "switches": [{"variable": "FIFTH_AT", "place": ["FIFTH_REGION"], "host": "{place}.at.example", "hosts": {"far": "far.example"}}],
  "endpoints": ["FIFTH_URL"], "secrets": [{"name": "FIFTH_KEY", "environment": true}],
  "npm": [{"package": "@fifth/cli-linux-{arch}", "version": "1.2.3", "commands": {"fifth": "bin/fifth"}}],
  "programs": ["jq"], "files": [{"path": "/etc/fifth/policy.json", "source": "policy.json"}],
  "state": [{"path": ".fifth", "kind": "folder"}, {"path": ".fifth.json", "kind": "file"}],
  "models": [{"file": ".fifth/settings.json", "chosen": "model", "url": "at.*.url", "hosts": {"us": "us.example"}}],
  "transcripts": [".fifth/talks"], "login": [".fifth/key"], "sync": [".fifth/settings.json"]
})";

class Agents : public testing::Test {
 protected:
  Agents() { environment.set("XDG_CONFIG_HOME", directory.path()); }
  void write(const std::string& name, const std::string& text) const {
    const std::string folder = user_agents_directory();
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/" + name) << text;
  }
  TempDir directory;
  test::Environment environment;
};

TEST_F(Agents, TheShippedOnesAreSound) {
  std::vector<std::string> names;
  for (const AgentProfile& agent : agent_profiles()) {
    names.push_back(agent.name);
    EXPECT_TRUE(agent.shipped);
    EXPECT_FALSE(agent.summary.empty()) << agent.name;
    EXPECT_EQ(agent.needs_image(), agent.name != "shell") << agent.name;
    EXPECT_EQ(agent.baseline.empty(), agent.name == "shell") << agent.name;
    for (const AgentSecret& secret : agent.secrets)
      EXPECT_THAT(agent.pass, Not(Contains(secret.name))) << "it would stand in the engine's inspect";
    for (const BaselineHost& host : agent.baseline) {
      EXPECT_THAT(host.reason, Not(IsEmpty())) << host.host;
      EXPECT_EQ(parse_allowlist_entry(host.host, "test").front().pattern.kind, HostPattern::Kind::exact);
    }
  }
  EXPECT_THAT(names, ElementsAre("claude", "codex", "gemini", "opencode", "shell"));
}

TEST_F(Agents, TheFilesThatSwitchTelemetryOffAreInTheImages) {
  const auto text_at = [](const AgentProfile& agent, const std::string& path) {
    for (const AgentFile& file : agent.files) {
      if (file.path == path) return file.text;
    }
    return std::string{};
  };
  const AgentProfile gemini = find_agent("gemini");
  const Json defaults =
      parse_json(text_at(gemini, gemini.telemetry_off.at("GEMINI_CLI_SYSTEM_DEFAULTS_PATH")), "test");
  EXPECT_EQ(defaults.at("privacy").at("usageStatisticsEnabled"), false);
  EXPECT_THAT(text_at(find_agent("codex"), "/etc/codex/config.toml"),
              HasSubstr("\n[analytics]\nenabled = false\n"));
}

TEST_F(Agents, AFifthIsOneFile) {
  write("fifth.json", fifth);
  write("policy.json", "{}");
  // What lies beside it and is no profile has to be elsewhere.
  EXPECT_THROW(agent_profiles(), Error);
  std::filesystem::remove(user_agents_directory() + "/policy.json");
  std::filesystem::create_directories(user_agents_directory() + "/policy");
  std::string text = fifth;
  text.replace(text.find("\"policy.json\""), 13, "\"policy/policy.json\"");
  write("policy/policy.json", "{\"deny\": []}");
  write("fifth.json", text);

  const AgentProfile agent = find_agent("fifth");
  EXPECT_FALSE(agent.shipped);
  EXPECT_THAT(agent.command, ElementsAre("fifth", "--quiet"));
  ASSERT_EQ(agent.baseline.size(), 2U);
  EXPECT_EQ(agent.baseline[1].host, "*.cdn.example");
  EXPECT_EQ(agent.environment.at("FIFTH_UPDATES"), "0");
  EXPECT_EQ(agent.telemetry_off.at("FIFTH_TELEMETRY"), "off");
  ASSERT_EQ(agent.npm.size(), 1U);
  EXPECT_THAT(agent.npm[0].package, Not(HasSubstr("{")));
  EXPECT_EQ(agent.npm[0].version, "1.2.3");
  EXPECT_THAT(agent.programs, ElementsAre("jq"));
  ASSERT_EQ(agent.files.size(), 1U);
  EXPECT_EQ(agent.files[0].text, "{\"deny\": []}");
  ASSERT_EQ(agent.state.size(), 2U);
  EXPECT_FALSE(agent.state[1].folder);
  EXPECT_THAT(agent.transcripts, ElementsAre(".fifth/talks"));
  ASSERT_EQ(agent.models.size(), 1U);
  EXPECT_EQ(agent.models[0].file, ".fifth/settings.json");
  EXPECT_THAT(agent.models[0].url, ElementsAre("at", "*", "url"));
  EXPECT_EQ(agent.models[0].hosts.at("us"), "us.example");
}

TEST_F(Agents, AShippedOneIsNotReplaced) {
  std::string text = fifth;
  text.replace(text.find("\"fifth\""), 7, "\"claude\"");
  text.replace(text.find("\"files\""), text.find("\"state\"") - text.find("\"files\""), "");
  write("mine.json", text);
  try {
    agent_profiles();
    FAIL() << "its baseline would be gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.what(), HasSubstr("the name 'claude' is taken by"));
    EXPECT_EQ(error.hint(), "give it another name");
  }
}

TEST_F(Agents, AnUnknownOneNamesTheNearest) {
  try {
    find_agent("cluade");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot use agent 'cluade': there is no such profile");
    EXPECT_EQ(error.hint(), "did you mean 'claude'?");
  }
}

struct Wrong {
  const char* text;    // in place of
  const char* in_it;   // this
  const char* reason;  // what the error says
};

class WrongProfile : public testing::TestWithParam<Wrong> {};

TEST_P(WrongProfile, IsToldWhereAndWhy) {
  std::string text = fifth;
  const std::string in_it = GetParam().in_it;
  ASSERT_NE(text.find(in_it), std::string::npos) << in_it;
  text.replace(text.find(in_it), in_it.size(), GetParam().text);
  const TempDir directory;
  std::ofstream(directory.path() + "/policy.json") << "{}";
  parse_agent_profile(fifth, "fifth.json", directory.path());
  try {
    parse_agent_profile(text, "fifth.json", directory.path());
    FAIL() << GetParam().text;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), testing::StartsWith("cannot read agent profile 'fifth.json': "));
    EXPECT_THAT(error.what() + std::string("|") + error.hint(), HasSubstr(GetParam().reason));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongProfile,
    testing::Values(
        Wrong{"\"schema\": 2", "\"schema\": 1", "schema: it is not 1"},
        Wrong{"\"name\": \"Fifth\"", "\"name\": \"fifth\"", "name: it is not made of"},
        Wrong{"\"name\": \"../x\"", "\"name\": \"fifth\"", "name: it is not made of"},
        Wrong{"\"programs\": [\"../jq\"]", "\"programs\": [\"jq\"]",
              "programs: '../jq' is no name of a program"},
        Wrong{"\"programs\": \"jq\"", "\"programs\": [\"jq\"]", "programs: it is no list"},
        Wrong{"\"command\": []", "\"command\": [\"fifth\", \"--quiet\"]", "command: it is missing"},
        Wrong{"\"command\": \"fifth\"", "\"command\": [\"fifth\", \"--quiet\"]", "command: it is no list"},
        Wrong{"\"comand\": [\"x\"]", "\"command\": [\"fifth\", \"--quiet\"]", "did you mean 'command'?"},
        Wrong{"\"host\": \"@github\"", "\"host\": \"model.example\"", "no group is in a baseline"},
        Wrong{"\"host\": \"10.0.0.1\"", "\"host\": \"model.example\"", "baseline[0].host:"},
        Wrong{"\"host\": \"*.com\"", "\"host\": \"model.example\"", "baseline[0].host:"},
        Wrong{"\"why\": \"the model\"", "\"reason\": \"the model\"", "baseline[0]: there is no key 'why'"},
        Wrong{"\"reason\": \"\"", "\"reason\": \"the model\"", "baseline[0].reason:"},
        Wrong{"\"HTTPS_PROXY\": \"0\"", "\"FIFTH_UPDATES\": \"0\"", "'HTTPS_PROXY' is set by drydock"},
        Wrong{"\"HOME\": \"0\"", "\"FIFTH_UPDATES\": \"0\"", "'HOME' is set by drydock"},
        Wrong{"\"A-B\": \"0\"", "\"FIFTH_UPDATES\": \"0\"", "is no name of a variable"},
        Wrong{"\"FIFTH_UPDATES\": 0", "\"FIFTH_UPDATES\": \"0\"", "environment.FIFTH_UPDATES: it is no text"},
        Wrong{"\"_/../x\": \"0\"", "\"FIFTH_UPDATES\": \"0\"", "is no name of a variable"},
        Wrong{"\"revoke\": \"http://x\"", "\"environment\": true",
              "secrets[0].revoke: 'http://x' is no https"},
        Wrong{"\"prefix\": 1", "\"environment\": true", "secrets[0].prefix: it is no text"},
        Wrong{"\"environment\": 1", "\"environment\": true", "secrets[0].environment: it is neither"},
        Wrong{"\"package\": \"@fifth\"", "\"package\": \"@fifth/cli-linux-{arch}\"",
              "is no name of a package"},
        Wrong{"\"package\": \"a/../b\"", "\"package\": \"@fifth/cli-linux-{arch}\"",
              "is no name of a package"},
        Wrong{"\"version\": \"1.2.3/x\"", "\"version\": \"1.2.3\"", "is no version"},
        Wrong{"\"fifth\": \"../fifth\"", "\"fifth\": \"bin/fifth\"", "is no path below it"},
        Wrong{"\"fifth\": \"/bin/sh\"", "\"fifth\": \"bin/fifth\"", "is no path below it"},
        Wrong{"\"../sh\": \"bin/fifth\"", "\"fifth\": \"bin/fifth\"", "is no name of a command"},
        Wrong{"\"path\": \"/usr/bin/env\"", "\"path\": \"/etc/fifth/policy.json\"",
              "below /etc, /opt or /usr/local"},
        Wrong{"\"path\": \"/etc/../bin/x\"", "\"path\": \"/etc/fifth/policy.json\"",
              "below /etc, /opt or /usr/local"},
        Wrong{"\"source\": \"../secret\"", "\"source\": \"policy.json\"", "is no path below it"},
        Wrong{"\"source\": \"absent\"", "\"source\": \"policy.json\"", "files[0].source: cannot read file"},
        Wrong{"\"path\": \"../.ssh\"", "\"path\": \".fifth\"", "is no path below it"},
        Wrong{"\"path\": \".fifth/inner\"", "\"path\": \".fifth.json\"", "it lies in, or holds, '.fifth'"},
        Wrong{"\"kind\": \"socket\"", "\"kind\": \"folder\"", "neither 'folder' nor 'file'"},
        Wrong{"\"file\": \"../x.json\"", "\"file\": \".fifth/settings.json\"",
              "models[0].file: '../x.json' is no path"},
        Wrong{"\"file\": \".other\"", "\"file\": \".fifth/settings.json\"",
              "models[0].file: '.other' is not in a path of 'state'"},
        Wrong{"\"chosen\": \"a.*\"", "\"chosen\": \"model\"", "models[0].chosen: it has a '*'"},
        Wrong{"\"chosen\": \"a.\"", "\"chosen\": \"model\"", "models[0].chosen: 'a.' is no place"},
        Wrong{"\"url\": \"*.*\"", "\"url\": \"at.*.url\"", "models[0].url: it has more than one '*'"},
        Wrong{"\"url\": \"url\"", "\"url\": \"at.*.url\"", "models[0].url: it has no '*'"},
        Wrong{"{\"file\": \".fifth/x\"}",
              "{\"file\": \".fifth/settings.json\", \"chosen\": \"model\", \"url\": \"at.*.url\", \"hosts\": "
              "{\"us\": \"us.example\"}}",
              "models[0]: it has neither 'url' nor 'hosts'"},
        Wrong{"\"us\": \"*.example.com\"", "\"us\": \"us.example\"",
              "models[0].hosts.us: '*.example.com' is no host"},
        Wrong{"\"HOME\"", "\"FIFTH_AT\"", "switches[0].variable: 'HOME' is set by drydock"},
        Wrong{"\"A-B\"", "\"FIFTH_REGION\"", "switches[0].place: 'A-B' is no name of a variable"},
        Wrong{"\"at.example\"", "\"{place}.at.example\"", "switches[0].host: it has no '{place}'"},
        Wrong{"[]", "[\"FIFTH_REGION\"]", "switches[0].host: no variable of 'place' says where"},
        Wrong{"\"{place}.*.com\"", "\"{place}.at.example\"", "switches[0].host: 'x.*.com' is no host"},
        Wrong{"\"https://far.example\"", "\"far.example\"", "switches[0].hosts.far: 'https://far"},
        Wrong{"[\".other/talks\"]", "[\".fifth/talks\"]", "'.other/talks' is not in a path of 'state'"}));

}  // namespace
}  // namespace drydock::core
