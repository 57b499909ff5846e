#include "core/agent_sync.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "base/unique_fd.hpp"
#include "core/agent_state.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class AgentSync : public testing::Test {
 protected:
  AgentSync() {
    environment.set("XDG_STATE_HOME", folder.path() + "/state");
    profile.name = "demo";
    profile.state = {{".demo", true}};
    profile.transcripts = {".demo/talks"};
    profile.login = {".demo/login"};
    profile.sync = {".demo/settings", ".demo/commands", ".demo/none"};
    write(".demo/settings", "mine");
    write(".demo/commands/a", "one");
    write(".demo/commands/deep/b", "two");
    write(".demo/login", "token");
    write(".demo/history", "private");
    write("elsewhere", "private");
  }
  std::string home() const { return folder.path() + "/home"; }
  std::string prototype() const { return agent_state_directory("demo") + "/prototype"; }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(home() + "/" + path).parent_path());
    std::ofstream(home() + "/" + path, std::ios::trunc) << text;
  }
  // "path=content", all there is in the prototype.
  std::set<std::string> content() const {
    std::set<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(prototype())) {
      if (entry.is_directory()) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      all.insert(fs::relative(entry.path(), prototype()).string() + "=" + text.str());
    }
    return all;
  }
  std::vector<std::string> folders() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(agent_state_directory("demo")))
      names.push_back(entry.path().filename());
    return names;
  }
  std::string refusal() const {
    try {
      sync_agent(profile, home(), false);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      return error.what();
    }
    return "";
  }

  TempDir folder;
  test::Environment environment;
  AgentProfile profile;
};

TEST_F(AgentSync, ProgramsThatSettingsNameAndNoSessionHasAreTold) {
  profile.sync.push_back(".demo/settings.json");
  profile.sync.push_back(".demo/config.toml");
  write(
      ".demo/settings.json",
      R"({"statusLine": {"command": "sh ~/.demo/commands/a; ~/bin/line"}, "apiKeyHelper": "$HOME/.demo/commands",
            "hooks": {"Stop": [{"hooks": [{"command": "')" +
          home() + R"(/.demo/commands/a' && python3 /usr/bin/x"}]}]}, "permissions": ["~/not-run"]})");
  write(".demo/config.toml", "[mcp_servers.a]\ncommand = '${HOME}/server'\n");
  write(".demo/commands/deep/b.json", R"({"command": "~/of-no-settings"})");
  std::vector<std::string> told;
  for (const MissingProgram& one : sync_agent(profile, home(), false).missing)
    told.push_back(one.file + ": " + one.path);
  EXPECT_THAT(told,
              UnorderedElementsAre(".demo/config.toml: ${HOME}/server", ".demo/settings.json: ~/bin/line",
                                   ".demo/settings.json: " + home() + "/.demo/commands/a"));
}

TEST_F(AgentSync, TakesWhatIsListedAndNothingElse) {
  const SyncReport planned = sync_agent(profile, home(), true);
  EXPECT_FALSE(fs::exists(folder.path() + "/state")) << "a dry run makes nothing";
  const SyncReport report = sync_agent(profile, home(), false);
  EXPECT_EQ(report.files.size(), 3U);
  EXPECT_EQ(planned.files.size(), 3U);
  EXPECT_EQ(report.files[0].path, ".demo/settings");
  EXPECT_EQ(report.files[0].size, 4U);
  EXPECT_THAT(report.absent, ElementsAre(".demo/none"));
  EXPECT_THAT(content(), UnorderedElementsAre(".demo/settings=mine", ".demo/commands/a=one",
                                              ".demo/commands/deep/b=two"));
  // The next one replaces it, what is gone from the host too.
  fs::remove_all(home() + "/.demo/commands");
  write(".demo/settings", "new");
  sync_agent(profile, home(), false);
  EXPECT_THAT(content(), ElementsAre(".demo/settings=new"));
  EXPECT_THAT(folders(), ElementsAre("prototype"));
}

TEST_F(AgentSync, LoginsAndConversationsStayWhateverTheListSays) {
  profile.sync = {".demo"};
  write(".demo/talks/1", "said");
  sync_agent(profile, home(), false);
  EXPECT_THAT(content(), UnorderedElementsAre(".demo/settings=mine", ".demo/commands/a=one",
                                              ".demo/commands/deep/b=two", ".demo/history=private"));
}

TEST_F(AgentSync, ALinkOutIsRefusedAndNothingIsChanged) {
  sync_agent(profile, home(), false);
  const auto before = content();
  write(".demo/settings", "new");
  const std::string link = home() + "/.demo/commands/link";
  for (const std::string& target :
       {home() + "/elsewhere", home() + "/.demo/login", std::string("../login"), std::string("../history"),
        home() + "/.demo/commands/deep", std::string("/etc/passwd"), std::string("nowhere")}) {
    fs::create_symlink(target, link);
    EXPECT_THAT(refusal(), HasSubstr("cannot sync '.demo/commands/link': it is a link")) << target;
    EXPECT_EQ(content(), before) << target;
    fs::remove(link);
  }
  ASSERT_EQ(::mkfifo(link.c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("neither a file nor a folder"));
  fs::remove(link);
  fs::create_symlink("../settings", link);
  EXPECT_EQ(refusal(), "") << "the control: what is listed anyway";
  EXPECT_EQ(content().count(".demo/commands/link=new"), 1U);
  EXPECT_FALSE(fs::is_symlink(prototype() + "/.demo/commands/link"));
}

TEST_F(AgentSync, AFolderOnTheWayThatIsALinkIsRefused) {
  fs::rename(home() + "/.demo", home() + "/.real");
  fs::create_directory_symlink(home() + "/.real", home() + "/.demo");
  EXPECT_THAT(refusal(), HasSubstr("there is a link on the way"));
}

TEST_F(AgentSync, AProfileThatListsNothingIsTold) {
  profile.sync.clear();
  EXPECT_THROW(sync_agent(profile, home(), false), Error);
}

// Whatever moment it is killed at, the prototype is one of the two.
TEST_F(AgentSync, WhoIsKilledLeavesAPrototypeThatIsWhole) {
  profile.sync = {".demo/many"};
  const auto fill = [&](const std::string& text) {
    for (int i = 0; i < 12; ++i) write(".demo/many/" + std::to_string(i), text);
  };
  fill("first");
  sync_agent(profile, home(), false);
  fs::copy(home(), folder.path() + "/other", fs::copy_options::recursive);
  fill("second");
  std::set<std::string> seen;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd done(ends[0]);
    UniqueFd tell(ends[1]);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int i = 0; i < 1000; ++i) {
        sync_agent(profile, i % 2 == 0 ? home() : folder.path() + "/other", false);
        if (::write(tell.get(), ".", 1) != 1) break;
      }
      ::_exit(0);
    }
    tell.reset();
    // Somewhere in the second or the third, however fast this machine is.
    char dots[2];
    for (int i = 0; i <= round % 2; ++i) ASSERT_EQ(::read(done.get(), dots, 1), 1);
    ::usleep(static_cast<useconds_t>(round * 2500));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::set<std::string> texts;
    const auto files = content();
    for (const std::string& file : files) texts.insert(file.substr(file.find('=') + 1));
    EXPECT_EQ(files.size(), 12U) << round;
    ASSERT_EQ(texts.size(), 1U) << round;
    seen.insert(*texts.begin());
  }
  EXPECT_THAT(seen, UnorderedElementsAre("first", "second")) << "it never changed";
  sync_agent(profile, home(), false);
  EXPECT_THAT(folders(), ElementsAre("prototype")) << "the next one removes what was left";
}

}  // namespace
}  // namespace drydock::core
