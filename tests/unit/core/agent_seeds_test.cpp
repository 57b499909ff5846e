#include "core/agent_seeds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/text.hpp"
#include "state_of_agent.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string long_key = "sk-demo-" + std::string(72, 'k') + "0123456789abcdefghij";

class AgentSeeds : public AgentState {
 protected:
  AgentSeeds() { profile.secrets = {{"DEMO_KEY", true}}; }
  // The session's home.
  std::string begin_with(const std::vector<AgentSeed>& seeds, const std::vector<Secret>& secrets = {},
                         bool logged_in = false, const std::string& session = first) {
    profile.seed = seeds;
    SessionState own_state = state(session);
    own_state.logged_in = logged_in;
    StateRequest request{session, "podman rootless", Owner::self(), ::getuid(), ::getgid(),
                         {},      project,           secrets};
    make_session_state(own_state, request);
    return own_state.home;
  }
  Json json_of(const std::string& path) const { return parse_json(read(path), path); }

  std::string project = "/home/dev/project";
};

TEST_F(AgentSeeds, WhatIsAbsentIsAddedAndNothingElseIsChanged) {
  const std::vector<AgentSeed> seeds{
      {".demo.json", R"({"projects": {"{project}": {"trusted": true}}, "list": ["a"], "theme": "dark"})"},
      {".demo/inner/new.json", R"({"done": true})"}};
  std::string home = begin_with(seeds);
  EXPECT_EQ(json_of(home + "/.demo.json"),
            Json::parse(
                R"({"list": ["a"], "projects": {"/home/dev/project": {"trusted": true}}, "theme": "dark"})"));
  EXPECT_EQ(json_of(home + "/.demo/inner/new.json"), Json::parse(R"({"done": true})"));
  EXPECT_EQ(mode(home + "/.demo.json"), 0600U);
  EXPECT_EQ(mode(home + "/.demo/inner"), 0700U);
  for (const auto& entry : fs::directory_iterator(home))
    EXPECT_FALSE(starts_with(entry.path().filename().string(), unfinished_prefix)) << entry.path();

  write(own() + "/prototype/.demo.json",
        "// mine\n"
        R"({"projects": {"/home/dev/project": {"trusted": false}, "/x": {}}, "list": [], "more": 1})");
  home = begin_with(seeds, {}, false, second);
  EXPECT_EQ(json_of(home + "/.demo.json"),
            Json::parse(R"({"list": [], "more": 1, "projects": {"/home/dev/project": {"trusted": false},
                            "/x": {}}, "theme": "dark"})"));
  EXPECT_THAT(read(own() + "/prototype/.demo.json"), HasSubstr("// mine")) << "each session has a copy";

  for (const std::string& text : {std::string("{\"a\": "), std::string("[1]"), std::string("\x01"),
                                  std::string(200, '[') + std::string(200, ']'),
                                  "{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}"}) {
    write(own() + "/prototype/.demo.json", text);
    end_session_state(second);
    home = begin_with(seeds, {}, false, second);
    EXPECT_EQ(read(home + "/.demo.json"), text) << "what is not understood";
  }
}

TEST_F(AgentSeeds, WhatIsForALoginIsForALoginAlone) {
  const std::vector<AgentSeed> seeds{{".demo.json", R"({"wizard": "done"})", true},
                                     {".demo/key.json", R"({"type": "key"})", false, "DEMO_KEY"}};
  std::string home = begin_with(seeds);
  EXPECT_FALSE(fs::exists(home + "/.demo.json")) << "the wizard asks who it is";
  EXPECT_FALSE(fs::exists(home + "/.demo/key.json"));
  home = begin_with(seeds, {{"OTHER", "hush"}}, true, second);
  EXPECT_TRUE(fs::exists(home + "/.demo.json"));
  EXPECT_FALSE(fs::exists(home + "/.demo/key.json")) << "another one";
  home = begin_with(seeds, {{"DEMO_KEY", "hush"}}, true, "00000003");
  EXPECT_EQ(json_of(home + "/.demo/key.json"), Json::parse(R"({"type": "key"})"));
}

TEST_F(AgentSeeds, NothingIsTrustedWhereThereIsNoProject) {
  project.clear();
  const std::string home = begin_with({{".demo.json", R"({"projects": {"{project}": {}}})"}});
  EXPECT_FALSE(fs::exists(home + "/.demo.json"));
  project = "/home/\xff";
  EXPECT_FALSE(
      fs::exists(begin_with({{".demo.json", R"({"{project}": 1})"}}, {}, false, second) + "/.demo.json"));
}

// All that is on the disk, by its contents.
std::string everything_below(const std::string& folder) {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) {
      all += fs::read_symlink(entry.path()).string() + "\n";
    } else if (entry.is_regular_file()) {
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      all += text.str() + "\n";
    }
  }
  return all;
}

TEST_F(AgentSeeds, AKeyIsInMemoryAloneAndIsNoLoginOfTheSession) {
  const std::vector<AgentSeed> seeds{{".demo.json", R"({"wizard": "done"})", true},
                                     {".demo/login", R"({"key": "{secret}"})", false, "DEMO_KEY"}};
  const std::vector<Secret> secrets{{"DEMO_KEY", "hu\"sh-{project}\n"}};
  const std::string home = begin_with(seeds, secrets, true);
  EXPECT_EQ(fs::read_symlink(home + "/.demo/login"), "/run/secrets/.seed-1");
  const std::vector<Secret> files = secrets_of_seeds(seeds, {project, true, secrets});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].name, ".seed-1") << "no secret of the user's begins with a dot";
  EXPECT_EQ(parse_json(files[0].value, "test"), Json({{"key", "hu\"sh-{project}"}}));
  EXPECT_THAT(secrets_of_seeds(seeds, {project, true, {}}), IsEmpty());
  EXPECT_THAT(everything_below(folder.path()), Not(HasSubstr("sh-{")));
  EXPECT_THAT(everything_below(folder.path()), HasSubstr("/run/secrets")) << "the control of the search";

  testing::internal::CaptureStderr();
  end_session_state(first);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_FALSE(fs::exists(own() + "/login"));

  // The control: who logs in inside replaces the link, and that is kept.
  begin_with(seeds, secrets, true);
  fs::remove(home + "/.demo/login");
  write(home + "/.demo/login", "an account");
  end_session_state(first);
  EXPECT_EQ(read(own() + "/login/.demo/login"), "an account");
  begin_with(seeds, secrets, true);
  EXPECT_EQ(read(home + "/.demo/login"), "an account") << "it comes before a key";
  end_session_state(first);
  EXPECT_EQ(read(own() + "/login/.demo/login"), "an account");
}

TEST_F(AgentSeeds, ALinkThatLeadsElsewhereIsToldOf) {
  const std::string home = begin_with({});
  fs::create_symlink("/run/secret", home + "/.demo/login");
  testing::internal::CaptureStderr();
  end_session_state(first);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("'.demo/login' of the session's state is left"));
}

TEST_F(AgentSeeds, OfAKeyNoMoreThanAQuarterIsTold) {
  const std::vector<AgentSeed> seeds{{".demo.json", R"({"known": ["{secret_end}"]})", false, "DEMO_KEY"}};
  std::string home = begin_with(seeds, {{"DEMO_KEY", long_key + "\n"}}, true);
  EXPECT_EQ(json_of(home + "/.demo.json"), Json::parse(R"({"known": ["0123456789abcdefghij"]})"));
  home = begin_with(seeds, {{"DEMO_KEY", long_key.substr(long_key.size() - 79)}}, true, second);
  EXPECT_FALSE(fs::exists(home + "/.demo.json"));
}

struct Toml {
  const char* before;
  const char* added;  // what stands behind it; nullptr: it stays as it is
};

class TomlSeeds : public AgentSeeds, public testing::WithParamInterface<Toml> {};

TEST_P(TomlSeeds, AddATableThatIsNotThere) {
  const std::string before = GetParam().before;
  if (!before.empty()) write(own() + "/prototype/.demo/config.toml", before);
  project = "/p \"q\"\\\x7f";
  const std::string home =
      begin_with({{".demo/config.toml", R"({"projects": {"{project}": {"trust": "yes", "level": 2}}})"}});
  const std::string added = GetParam().added == nullptr ? "" : GetParam().added;
  EXPECT_EQ(read(home + "/.demo/config.toml"), before + added);
}

#define TABLE "\n[\"projects\".\"/p \\\"q\\\"\\\\\\u007f\"]\n\"level\" = 2\n\"trust\" = \"yes\"\n"
INSTANTIATE_TEST_SUITE_P(Table, TomlSeeds,
                         testing::Values(Toml{"", TABLE}, Toml{"model = \"x\"\n", TABLE},
                                         Toml{"model = \"x\"", "\n" TABLE},
                                         Toml{"[projects.\"/other\"]\ntrust = \"no\"\n", TABLE},
                                         Toml{"[projects]\n\"/other\".trust = \"no\"\n", TABLE},
                                         Toml{"[projects.'/p \"q\"\\\x7f']\ntrust = \"no\"\n", nullptr},
                                         Toml{"[projects.'/p \"q\"\\\x7f']\nother = 1\n", nullptr},
                                         Toml{"projects = {}\n", nullptr},
                                         Toml{"\"projects\" . x = 1\n", nullptr},
                                         Toml{"projects.x = 1\n", nullptr}, Toml{"projects = 1\n", nullptr},
                                         Toml{"[,\n", nullptr}));

}  // namespace
}  // namespace drydock::core
