#include "core/agent_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* first = "00000001";
constexpr const char* second = "00000002";

class AgentState : public testing::Test {
 protected:
  AgentState() {
    environment.set("XDG_STATE_HOME", folder.path());
    profile.name = "demo";
    profile.state = {{".demo", true}, {".demo.json", false}};
    profile.transcripts = {".demo/talks"};
    profile.login = {".demo/login"};
  }
  SessionState state(const std::string& session, const std::string& project = "one-11111111") const {
    return session_state(profile, project, session);
  }
  void begin(const std::string& session, const std::string& project = "one-11111111") const {
    StateRequest request{session, "podman rootless", Owner::self(), ::getuid(), ::getgid(), {}};
    make_session_state(state(session, project), request);
  }
  std::string home(const std::string& session) const { return state(session).home; }
  std::string own() const { return agent_state_directory("demo"); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::trunc) << text;
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static unsigned mode(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
  }
  std::vector<std::string> sessions() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(own() + "/sessions"))
      names.push_back(entry.path().filename());
    return names;
  }

  TempDir folder;
  test::Environment environment;
  AgentProfile profile;
};

TEST_F(AgentState, ASessionBeginsWithACopyOfThePrototypeAndGoesWithItsOwn) {
  begin(first);
  EXPECT_TRUE(fs::is_directory(home(first) + "/.demo")) << "folders of the state are there";
  EXPECT_FALSE(fs::exists(home(first) + "/.demo.json"));
  write(own() + "/prototype/.demo/settings", "set");
  fs::permissions(own() + "/prototype/.demo/settings", fs::perms(0755));
  begin(second);
  EXPECT_EQ(read(home(second) + "/.demo/settings"), "set");
  EXPECT_EQ(mode(home(second) + "/.demo/settings"), 0700U);
  EXPECT_EQ(mode(home(second)), 0700U);
  write(home(second) + "/.demo/settings", "changed");
  write(home(second) + "/.cache/x", "of the session");
  EXPECT_FALSE(fs::exists(home(first) + "/.demo/settings")) << "two sessions have two copies";
  end_session_state(second);
  EXPECT_EQ(read(own() + "/prototype/.demo/settings"), "set") << "the prototype stays as it is";
  EXPECT_THAT(sessions(), ElementsAre(first));
  end_session_state(first);
  end_session_state("ffffffff");
  EXPECT_THAT(sessions(), IsEmpty());
}

TEST_F(AgentState, ATranscriptIsReadableInTheNextSessionOfTheProject) {
  begin(first);
  write(home(first) + "/.demo/talks/a/1.jsonl", "hello\n");
  begin(second);
  end_session_state(first);
  EXPECT_EQ(read(own() + "/transcripts/one-11111111/.demo/talks/a/1.jsonl"), "hello\n");
  EXPECT_EQ(mode(own() + "/transcripts/one-11111111/.demo/talks/a/1.jsonl"), 0600U);
  begin(first);
  EXPECT_EQ(read(home(first) + "/.demo/talks/a/1.jsonl"), "hello\n");
  begin("00000003", "two-22222222");
  EXPECT_FALSE(fs::exists(home("00000003") + "/.demo/talks/a")) << "another project";
  // The larger one wins; of two that are alike the one that is there.
  write(home(first) + "/.demo/talks/a/1.jsonl", "hello\nmore\n");
  write(home(second) + "/.demo/talks/a/1.jsonl", "other\n");
  end_session_state(first);
  end_session_state(second);
  EXPECT_EQ(read(own() + "/transcripts/one-11111111/.demo/talks/a/1.jsonl"), "hello\nmore\n");
  begin(first);
  write(home(first) + "/.demo/talks/a/1.jsonl", "HELLO\nMORE\n");
  write(home(first) + "/.demo/not-shared", "own");
  end_session_state(first);
  EXPECT_EQ(read(own() + "/transcripts/one-11111111/.demo/talks/a/1.jsonl"), "hello\nmore\n");
  EXPECT_FALSE(fs::exists(own() + "/transcripts/one-11111111/.demo/not-shared"));
}

TEST_F(AgentState, LinksAndSpecialFilesOfASessionAreLeft) {
  write(folder.path() + "/host-secret", "not for anybody");
  begin(first);
  const std::string talks = home(first) + "/.demo/talks";
  write(talks + "/good", "kept");
  fs::create_symlink(folder.path() + "/host-secret", talks + "/link");
  fs::create_directory_symlink(folder.path(), talks + "/folder");
  ASSERT_EQ(::mkfifo((talks + "/pipe").c_str(), 0600), 0);
  fs::create_symlink(folder.path() + "/host-secret", home(first) + "/.demo/login");
  std::string deep = talks;
  for (int i = 0; i < 20; ++i) deep += "/d";
  write(deep + "/file", "too deep");
  harvest_session_state(first);
  std::vector<std::string> kept;
  for (const auto& entry : fs::recursive_directory_iterator(own() + "/transcripts")) {
    if (!entry.is_directory()) kept.push_back(entry.path().filename());
  }
  EXPECT_THAT(kept, ElementsAre("good"));
  EXPECT_FALSE(fs::exists(own() + "/login"));
  // What would be seeded is not followed either.
  fs::create_symlink(folder.path() + "/host-secret", own() + "/prototype/.demo-link");
  begin(second);
  EXPECT_FALSE(fs::exists(home(second) + "/.demo-link"));
  EXPECT_EQ(read(home(second) + "/.demo/talks/good"), "kept") << "the control";
  // The folder that conversations are to be in is a link.
  fs::remove_all(home(second) + "/.demo/talks");
  fs::create_directory_symlink(folder.path(), home(second) + "/.demo/talks");
  end_session_state(second);
  end_session_state(first);
  EXPECT_FALSE(fs::exists(own() + "/transcripts/one-11111111/.demo/talks/host-secret"));
  EXPECT_EQ(read(folder.path() + "/host-secret"), "not for anybody");
}

TEST_F(AgentState, ALoginSurvivesAndALogoutToo) {
  begin(first);
  begin(second);
  write(home(first) + "/.demo/login", "token");
  fs::permissions(home(first) + "/.demo/login", fs::perms(0644));
  end_session_state(first);
  EXPECT_EQ(read(own() + "/login/.demo/login"), "token");
  EXPECT_EQ(mode(own() + "/login/.demo/login"), 0600U);
  end_session_state(second);
  EXPECT_EQ(read(own() + "/login/.demo/login"), "token") << "a session that had none takes none away";
  write(own() + "/prototype/.demo/login", "not a login");
  begin(first, "two-22222222");
  EXPECT_EQ(read(home(first) + "/.demo/login"), "token") << "in every project";
  EXPECT_EQ(mode(home(first) + "/.demo/login"), 0600U);
  begin(second);
  write(home(first) + "/.demo/login", "renewed");
  end_session_state(first);
  fs::remove(home(second) + "/.demo/login");
  end_session_state(second);
  EXPECT_EQ(read(own() + "/login/.demo/login"), "renewed") << "it was another one that was given up";
  begin(first);
  fs::remove(home(first) + "/.demo/login");
  end_session_state(first);
  EXPECT_FALSE(fs::exists(own() + "/login/.demo/login"));
}

TEST_F(AgentState, AFolderThatKeepsItsOwnerOutGoesAsWell) {
  begin(first);
  std::string path = home(first) + "/shut";
  fs::create_directories(path + "/in/side");
  write(path + "/in/file", "x");
  fs::permissions(path + "/in", fs::perms::none);
  fs::permissions(path, fs::perms::none);
  // Deeper than there are descriptors, and than a path can name.
  ASSERT_EQ(::chdir(home(first).c_str()), 0);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(::mkdir("deep", 0700), 0);
    ASSERT_EQ(::chdir("deep"), 0);
  }
  ASSERT_EQ(::chdir("/"), 0);
  end_session_state(first);
  EXPECT_THAT(sessions(), IsEmpty());
}

TEST_F(AgentState, WhatACrashLeftIsCollectedAndNothingElse) {
  begin(first);
  write(home(first) + "/.demo/talks/1", "from before the crash");
  begin(second);
  fs::create_directories(own() + "/sessions/00000003");
  StateRequest request{"00000004", "docker rootful", Owner::self(), ::getuid(), ::getgid(), {}};
  request.owner.pid = 999999999;
  make_session_state(state("00000004"), request);
  collect_session_states({}, "podman rootless");
  EXPECT_THAT(sessions(), UnorderedElementsAre(first, second, "00000003", "00000004"))
      << "alive, unfinished, another engine's";
  request.session = "00000005";
  request.engine = "podman rootless";
  make_session_state(state("00000005"), request);
  write(home("00000005") + "/.demo/talks/2", "saved");
  collect_session_states({"00000005"}, "podman rootless");
  EXPECT_TRUE(fs::exists(home("00000005"))) << "the engine knows it";
  collect_session_states({}, "podman rootless");
  EXPECT_THAT(sessions(), UnorderedElementsAre(first, second, "00000003", "00000004"));
  EXPECT_EQ(read(own() + "/transcripts/one-11111111/.demo/talks/2"), "saved");
}

TEST_F(AgentState, PlacesOfMountsAreTheUsersOwn) {
  StateRequest request{first, "podman rootless", Owner::self(), ::getuid(), ::getgid(), {}};
  request.mount_points = {{"a/b", true}, {"c/d", false}};
  make_session_state(state(first), request);
  EXPECT_TRUE(fs::is_directory(home(first) + "/a/b"));
  EXPECT_TRUE(fs::is_regular_file(home(first) + "/c/d"));
}

}  // namespace
}  // namespace drydock::core
