#include "core/agent_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AgentTokens : public testing::Test {
 protected:
  AgentTokens() {
    environment.set("XDG_STATE_HOME", folder.path());
    agent.name = "mine";
    agent.secrets = {{"FIRST", true}, {"SECOND", false, "sk-two-"}, {"THIRD", true, "sk-two-three-"}};
  }
  std::string at(const std::string& name) const {
    return folder.path() + "/drydock/agents/mine/tokens/" + name;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
  }
  // What is said instead of doing it; a value is never in it.
  template <typename F>
  static std::string refusal(const F& act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty()) << error.what();
      EXPECT_THAT(std::string(error.what()) + error.hint(), Not(HasSubstr("hush")));
      return error.what();
    }
    return "";
  }

  TempDir folder;
  test::Environment environment;
  AgentProfile agent;
};

TEST_F(AgentTokens, ATokenIsKeptForItsUserAloneUntilItIsForgotten) {
  const KeptToken kept = keep_token("mine", "FIRST", "hush");
  EXPECT_EQ(kept.file, at("FIRST"));
  EXPECT_FALSE(kept.replaced);
  EXPECT_EQ(mode_of(at("FIRST")), 0600U);
  EXPECT_EQ(mode_of(at("")), 0700U);
  EXPECT_TRUE(keep_token("mine", "FIRST", "hush-again").replaced);
  keep_token("mine", "SECOND", "sk-two-hush");
  EXPECT_THAT(kept_tokens("mine"), ElementsAre("FIRST", "SECOND")) << "and nothing half-made";
  const auto tokens = read_tokens(agent);
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(tokens[0].name, "FIRST");
  EXPECT_EQ(tokens[0].value, "hush-again");
  EXPECT_EQ(tokens[1].value, "sk-two-hush");

  EXPECT_THAT(forget_tokens("mine", "THIRD"), IsEmpty());
  EXPECT_THAT(forget_tokens("mine", "FIRST"), ElementsAre("FIRST"));
  EXPECT_FALSE(fs::exists(at("FIRST")));
  EXPECT_THAT(forget_tokens("mine", ""), ElementsAre("SECOND"));
  EXPECT_THAT(read_tokens(agent), IsEmpty());
  EXPECT_THAT(forget_tokens("mine", ""), IsEmpty());
  EXPECT_THAT(kept_tokens("nobody"), IsEmpty());
}

TEST_F(AgentTokens, OnlyWhatTheProfileKnowsIsHandedOver) {
  keep_token("mine", "OLD", "hush");
  EXPECT_THAT(read_tokens(agent), IsEmpty());
  EXPECT_THAT(kept_tokens("mine"), ElementsAre("OLD"));
}

TEST_F(AgentTokens, OneLineOfPrintableTextIsAToken) {
  EXPECT_EQ(token_in(agent, "hush"), "hush");
  EXPECT_EQ(token_in(agent, "  hush\r\n"), "hush");
  EXPECT_EQ(token_in(agent, std::string(longest_token, 'x')).size(), longest_token);
  const auto said = [&](const std::string& text) { return refusal([&] { token_in(agent, text); }); };
  EXPECT_EQ(said(""), "cannot keep token of agent 'mine': it is empty");
  EXPECT_THAT(said(" \n"), HasSubstr("it is empty"));
  EXPECT_THAT(said("hush\nhush"), HasSubstr("more than one line"));
  for (const std::string text : {"hush hush", "hush\x01", "hush\x7f", "h\xc3\xbcsh", "hu\tsh"})
    EXPECT_THAT(said(text), HasSubstr("no printable ASCII")) << text;
  EXPECT_THAT(said(std::string("hush\0hush", 9)), HasSubstr("no printable ASCII"));
  EXPECT_THAT(said(std::string(longest_token + 1, 'x')), HasSubstr("longer than 16 KiB"));
}

TEST_F(AgentTokens, AKindIsNamedOrToldByItsBeginning) {
  EXPECT_EQ(token_kind(agent, "").name, "FIRST");
  EXPECT_EQ(token_kind(agent, "", "other").name, "FIRST");
  EXPECT_EQ(token_kind(agent, "", "sk-two-x").name, "SECOND");
  EXPECT_EQ(token_kind(agent, "THIRD", "sk-two-x").name, "THIRD") << "the user has said so";
  EXPECT_EQ(refusal([&] { token_kind(agent, "FOURTH"); }),
            "cannot use token 'FOURTH': the profile of agent 'mine' does not know it");
  agent.secrets.clear();
  EXPECT_EQ(refusal([&] { token_kind(agent, ""); }),
            "cannot use tokens of agent 'mine': its profile knows none");
}

TEST_F(AgentTokens, AFileThatOthersCanReachIsNotUsed) {
  keep_token("mine", "FIRST", "hush");
  const auto said = [&] { return refusal([&] { read_tokens(agent); }); };
  EXPECT_EQ(said(), "") << "the control";
  for (const unsigned mode : {0640U, 0604U, 0620U, 0602U}) {
    ::chmod(at("FIRST").c_str(), mode);
    EXPECT_THAT(said(), HasSubstr("others than you")) << mode;
  }
  fs::rename(at("FIRST"), at("SECOND"));
  ::chmod(at("SECOND").c_str(), 0600);
  fs::create_symlink(at("SECOND"), at("FIRST"));
  EXPECT_THAT(said(), HasSubstr("cannot be read")) << "a link";
  fs::remove(at("FIRST"));
  fs::create_directory(at("FIRST"));
  EXPECT_THAT(said(), HasSubstr("no regular file"));
  fs::remove(at("FIRST"));
  for (const std::string text : {"", "\n", "hush hush\n", "hush\nhush\n"}) {
    std::ofstream(at("SECOND")) << text;
    EXPECT_THAT(said(), HasSubstr("cannot use token 'SECOND', which is kept for agent 'mine': it "));
  }
}

}  // namespace
}  // namespace drydock::core
