#include "core/agent_overlay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* session = "00000001";

class AgentOverlay : public testing::Test {
 protected:
  AgentOverlay() {
    environment.set("XDG_STATE_HOME", folder.path() + "/state");
    environment.set("XDG_CONFIG_HOME", folder.path() + "/config");
    profile.name = "demo";
    profile.state = {{".demo", true}, {".demo.json", false}, {".other/in", true}};
    profile.transcripts = {".demo/talks/*/chats"};
    profile.whole = {".demo/db"};
    profile.login = {".demo/auth/login"};
  }
  SessionState state() const { return session_state(profile, "one-11111111", session); }
  std::string overlay() const { return overlay_directory("demo"); }
  std::string home(const std::string& path) const { return read(state().home + "/" + path); }
  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::trunc) << text;
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  void begin() const {
    make_session_state(state(), {session, "podman rootless", Owner::self(), ::getuid(), ::getgid(), {}});
  }
  // Why a session does not begin; nothing of it is there then.
  std::string refusal() const {
    try {
      begin();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      EXPECT_FALSE(fs::exists(fs::path(state().home).parent_path()));
      return error.what();
    }
    end_session_state(session);
    return "";
  }

  TempDir folder;
  test::Environment environment;
  AgentProfile profile;
};

TEST_F(AgentOverlay, IsOverWhatWasSyncedAndUnderALogin) {
  const std::string stored = agent_state_directory("demo");
  write(stored + "/prototype/.demo/settings", "synced");
  write(stored + "/prototype/.demo/commands/a", "synced");
  write(stored + "/login/.demo/auth/login", "token");
  EXPECT_FALSE(overlay_files(state()));
  begin();
  EXPECT_EQ(home(".demo/settings"), "synced") << "the control";
  end_session_state(session);

  write(overlay() + "/.demo/settings", "mine");
  write(overlay() + "/.demo/deep/er/tool", "run");
  write(overlay() + "/.demo.json", "{}");
  write(overlay() + "/.profile", "anything of the home folder");
  fs::permissions(overlay() + "/.demo/deep/er/tool", fs::perms(0755));
  EXPECT_THAT(*overlay_files(state()),
              ElementsAre(".demo.json", ".profile", ".demo/settings", ".demo/deep/er/tool"));
  begin();
  EXPECT_EQ(home(".demo/settings"), "mine");
  EXPECT_EQ(home(".demo/commands/a"), "synced");
  EXPECT_EQ(home(".demo/auth/login"), "token");
  EXPECT_EQ(home(".demo.json"), "{}");
  EXPECT_EQ(home(".profile"), "anything of the home folder");
  struct stat status {};
  ASSERT_EQ(::stat((state().home + "/.demo/deep/er/tool").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  write(state().home + "/.demo/settings", "changed by the session");
  end_session_state(session);
  EXPECT_EQ(read(overlay() + "/.demo/settings"), "mine");
}

TEST_F(AgentOverlay, WhatIsNotFitIsNamedAndNothingIsCopied) {
  write(folder.path() + "/secret", "not for anybody");
  write(overlay() + "/.demo/aaa", "fit, and before the other one");
  ASSERT_EQ(refusal(), "") << "the control";
  const std::string bad = overlay() + "/.demo/bad";
  const auto told = [&] { return AllOf(HasSubstr("cannot use overlay file '" + bad + "': ")); };
  for (const std::string& target :
       {folder.path() + "/secret", std::string("aaa"), folder.path(), std::string("nowhere")}) {
    fs::create_symlink(target, bad);
    EXPECT_THAT(refusal(), AllOf(told(), HasSubstr("it is a link"))) << target;
    fs::remove(bad);
  }
  ASSERT_EQ(::mkfifo(bad.c_str(), 0600), 0);
  EXPECT_THAT(refusal(), AllOf(told(), HasSubstr("neither a file nor a folder")));
  fs::remove(bad);
  write(bad, "large");
  fs::resize_file(bad, (16U << 20U) + 1);
  EXPECT_THAT(refusal(), AllOf(told(), HasSubstr("too large")));
  fs::resize_file(bad, 16U << 20U);
  EXPECT_EQ(refusal(), "") << "the control";
  for (int i = 0; i < 16; ++i) {
    write(bad + std::to_string(i), "");
    fs::resize_file(bad + std::to_string(i), 16U << 20U);
  }
  EXPECT_THAT(refusal(), HasSubstr("larger than 256 MiB"));
}

TEST_F(AgentOverlay, LoginsConversationsAndCollisionsAreRefused) {
  write(agent_state_directory("demo") + "/prototype/.demo/commands/a", "synced");
  for (const auto& [path, reason] : {std::pair{".demo/auth/login", "keeps its login there"},
                                     {".demo/auth", "keeps its login there"},
                                     {".demo/auth/login/x", "keeps its login there"},
                                     {".demo/talks/p/chats/1", "keeps its conversations or memory there"},
                                     {".demo/db", "keeps its conversations or memory there"},
                                     {".demo", "where the agent has a folder"},
                                     {".other", "where the agent has a folder"},
                                     {".demo.json/x", "where the agent has a file"},
                                     {".demo/commands", "where drydock sync has brought a folder"},
                                     {".demo/commands/a/b", "where drydock sync has brought a file"}}) {
    write(overlay() + "/" + path, "x");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + overlay() + "/" + path + "'"), HasSubstr(reason))) << path;
    fs::remove_all(overlay());
  }
  for (const char* path : {".demo/talks/p/other", ".demo/commands/b", ".demo/auth2", ".other/in/x"}) {
    write(overlay() + "/" + path, "x");
    EXPECT_EQ(refusal(), "") << path;
    fs::remove_all(overlay());
  }
}

TEST_F(AgentOverlay, TheFolderItselfIsNoLink) {
  write(folder.path() + "/elsewhere/.demo/settings", "x");
  fs::create_directories(fs::path(overlay()).parent_path());
  fs::create_directory_symlink(folder.path() + "/elsewhere", overlay());
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + overlay() + "'"), HasSubstr("it is a link")));
  fs::remove(overlay());
  write(overlay(), "");
  EXPECT_THAT(refusal(), HasSubstr("it is no folder"));
  fs::remove(overlay());
  fs::create_directories(overlay());
  EXPECT_EQ(refusal(), "");
  EXPECT_THAT(*overlay_files(state()), IsEmpty());
}

}  // namespace
}  // namespace drydock::core
