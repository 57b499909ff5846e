#include "core/mode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

constexpr std::array<const char*, 6> values{nullptr, "", "0", "1", "true", "1 "};

std::optional<std::string> value(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

// The rules, written a second time and in another way: as a list of lines, the first of which decides.
std::string expected(const ModeInputs& in) {
  const bool dood = in.dood_env && *in.dood_env == "1";
  const bool contain = in.contain_env && *in.contain_env == "1";
  const int votes_dood = (in.flag == Mode::dood ? 1 : 0) + (dood ? 1 : 0);
  const int votes_contained = (in.flag == Mode::contained ? 1 : 0) + (contain ? 1 : 0);
  const bool env_against_env = !in.flag && dood && contain;
  const bool flag_against_env = (in.flag == Mode::dood && contain) || (in.flag == Mode::contained && dood);
  if (env_against_env || flag_against_env) return "contained conflict";
  if (votes_dood > 0) return "dood said";
  if (votes_contained > 0) return "contained said";
  if (in.dood_pin && in.contain_pin) return "contained conflict";
  if (in.dood_pin) return "dood pinned";
  if (in.contain_pin) return "contained pinned";
  return in.default_dood ? "dood default" : "contained default";
}

const char* word_for(const std::string& reason) {
  if (reason.find("contradict") != std::string::npos || reason.find("both modes") != std::string::npos)
    return "conflict";
  if (reason.find("pinned") != std::string::npos) return "pinned";
  return reason.find("default") != std::string::npos ? "default" : "said";
}

TEST(Mode, FollowsTheWholeTruthTable) {
  int rows = 0;
  for (const auto flag : {std::optional<Mode>{}, std::optional{Mode::contained}, std::optional{Mode::dood}}) {
    for (const char* dood_env : values) {
      for (const char* contain_env : values) {
        for (int pins = 0; pins < 8; ++pins) {
          const ModeInputs in{
              flag, value(dood_env), value(contain_env), (pins & 1) != 0, (pins & 2) != 0, (pins & 4) != 0};
          const ModeDecision decision = resolve_mode(in);
          EXPECT_EQ(std::string(to_string(decision.mode)) + " " + word_for(decision.reason), expected(in))
              << decision.reason << " flag " << (flag ? to_string(*flag) : "-") << " dood "
              << (dood_env != nullptr ? dood_env : "-") << " contain "
              << (contain_env != nullptr ? contain_env : "-") << " pins " << pins;
          ++rows;
        }
      }
    }
  }
  EXPECT_EQ(rows, 3 * 6 * 6 * 8);
}

std::string reason(std::optional<Mode> flag, const char* dood_env, const char* contain_env, bool dood_pin,
                   bool contain_pin, bool default_dood) {
  return resolve_mode({flag, value(dood_env), value(contain_env), dood_pin, contain_pin, default_dood})
      .reason;
}

TEST(Mode, NamesTheRuleThatDecided) {
  EXPECT_EQ(reason({}, nullptr, nullptr, false, false, false), "the default");
  EXPECT_EQ(reason(Mode::dood, nullptr, nullptr, false, false, false), "--mode dood");
  EXPECT_EQ(reason({}, "1", nullptr, false, false, false), "DRYDOCK_DOOD=1");
  EXPECT_EQ(reason({}, nullptr, "1", false, false, false), "DRYDOCK_CONTAIN=1");
  EXPECT_EQ(reason({}, nullptr, nullptr, false, false, true), "default-dood is set");
  EXPECT_THAT(reason(Mode::dood, nullptr, "1", false, false, false),
              HasSubstr("--mode dood and DRYDOCK_CONTAIN"));
  EXPECT_THAT(reason({}, nullptr, nullptr, true, true, false), HasSubstr("both modes"));
}

class ModePins : public testing::Test {
 protected:
  ModePins() {
    environment.set("XDG_CONFIG_HOME", directory.path());
    environment.set("DRYDOCK_DOOD", std::nullopt);
    environment.set("DRYDOCK_CONTAIN", std::nullopt);
  }
  void touch(const std::string& name) {
    const std::filesystem::path path = directory.path() + "/drydock/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path};
  }
  TempDir directory;
  test::Environment environment;
};

TEST_F(ModePins, AreFilesOfTheUsersConfiguration) {
  const Project demo{"/src/demo", "demo", "demo-01234567"};
  const Project other{"/src/other", "other", "other-89abcdef"};
  EXPECT_FALSE(mode_inputs({}, &demo).dood_pin);
  touch("dood/demo");
  EXPECT_TRUE(mode_inputs({}, &demo).dood_pin);
  EXPECT_FALSE(mode_inputs({}, &demo).contain_pin);
  EXPECT_FALSE(mode_inputs({}, &other).dood_pin);
  touch("contain/other-89abcdef");
  EXPECT_TRUE(mode_inputs({}, &other).contain_pin);
  touch("default-dood");
  EXPECT_TRUE(mode_inputs({}, &demo).default_dood);
  EXPECT_TRUE(mode_inputs({}, nullptr).default_dood);
}

// Another folder of that name, a clone of something hostile, must not lose its jail for it.
TEST_F(ModePins, ABareNameThatTwoProjectsHaveOpensNeither) {
  const Project demo{"/src/demo", "demo", "demo-01234567"};
  touch("dood/demo");
  touch("contain/demo");
  for (const char* own :
       {"projects/demo-01234567/config", "dood/demo-more", "dood/demo-012345678", "projects/de"})
    touch(own);
  EXPECT_TRUE(mode_inputs({}, &demo).dood_pin) << "the control: none of these is another demo's";
  for (const char* others : {"projects/demo-89abcdef/links", "egress-allowlist-demo-89abcdef",
                             "dood/demo-89abcdef", "contain/demo-89abcdef"}) {
    touch(others);
    EXPECT_FALSE(mode_inputs({}, &demo).dood_pin) << others;
    EXPECT_TRUE(mode_inputs({}, &demo).contain_pin) << "which opens nothing";
    std::filesystem::remove_all(directory.path() + "/drydock/" + others);
    std::filesystem::remove_all(directory.path() + "/drydock/projects/demo-89abcdef");
    EXPECT_TRUE(mode_inputs({}, &demo).dood_pin) << others;
  }
  touch("dood/demo-01234567");
  touch("dood/demo-89abcdef");
  EXPECT_TRUE(mode_inputs({}, &demo).dood_pin) << "its own key says which it is";
}

TEST_F(ModePins, TheVariablesAreRead) {
  environment.set("DRYDOCK_DOOD", "1");
  environment.set("DRYDOCK_CONTAIN", "yes");
  const ModeInputs inputs = mode_inputs(Mode::contained, nullptr);
  EXPECT_EQ(inputs.flag, Mode::contained);
  EXPECT_EQ(inputs.dood_env, "1");
  EXPECT_EQ(inputs.contain_env, "yes");
}

}  // namespace
}  // namespace drydock::core
