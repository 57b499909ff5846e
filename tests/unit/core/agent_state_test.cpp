#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "core/conversations.hpp"
#include "core/file_tree.hpp"
#include "state_of_agent.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

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
  write(home(first) + "/.demo/talks/a/1.jsonl", "hello\nmore\n");
  write(home(first) + "/.demo/not-shared", "own");
  end_session_state(first);
  EXPECT_EQ(read(own() + "/transcripts/one-11111111/.demo/talks/a/1.jsonl"), "hello\nmore\n") << "continued";
  EXPECT_FALSE(fs::exists(own() + "/transcripts/one-11111111/.demo/not-shared"));
}

TEST_F(AgentState, WhatIsStoredOfAConversationIsNeverChanged) {
  const std::string talk = "/.demo/talks/1.jsonl";
  const std::string stored = own() + "/transcripts/one-11111111" + talk;
  const std::string before(200000, 'x');
  begin(first);
  write(home(first) + talk, before + "said\n");
  end_session_state(first);
  ASSERT_EQ(read(stored), before + "said\n");
  const std::string other = "y" + std::string(199999, 'x');
  int number = 10;
  for (const std::string& text : {before + "lies\n", other + "said\nand more\n", before + "sa", std::string(),
                                  before + "lies\nand more\n"}) {
    const std::string session = "000000" + std::to_string(number++);
    begin(session);
    write(home(session) + talk, text);
    testing::internal::CaptureStderr();
    end_session_state(session);
    const std::string told = testing::internal::GetCapturedStderr();
    EXPECT_EQ(read(stored), before + "said\n");
    const bool continued_by_it = text.size() < before.size() + 5;
    EXPECT_EQ(fs::exists(stored + "~" + session), !continued_by_it);
    if (continued_by_it) {
      EXPECT_EQ(told, "") << "nothing is lost";
    } else {
      EXPECT_EQ(read(stored + "~" + session), text);
      EXPECT_THAT(told, HasSubstr(stored + "~" + session));
      EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
    }
  }
  begin(first);
  write(home(first) + talk, before + "said\nand more\n");
  end_session_state(first);
  EXPECT_EQ(read(stored), before + "said\nand more\n") << "the control";
  begin(second);
  fs::remove_all(home(second) + "/.demo/talks");
  end_session_state(second);
  EXPECT_EQ(read(stored), before + "said\nand more\n") << "nor is it taken away";
}

// Killed by the kernel in the middle of a file, for it may write no longer one.
TEST_F(AgentState, WhoIsKilledWhileItBringsAConversationLeavesNoPartOfIt) {
  const std::string talk = "/.demo/talks/1.jsonl";
  const std::string text(500'000, 'x');
  const auto unfinished = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(own()))
      count += starts_with(entry.path().filename().string(), unfinished_prefix) ? 1 : 0;
    return count;
  };
  begin(first);
  write(home(first) + talk, text);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit short_files{200'000, 200'000};
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setrlimit(RLIMIT_FSIZE, &short_files);
    end_session_state(first);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) << status;
  EXPECT_EQ(unfinished(), 1) << "it was in the middle";
  begin(second);
  EXPECT_FALSE(fs::exists(home(second) + "/.demo/talks") && !fs::is_empty(home(second) + "/.demo/talks"));
  end_session_state(first);
  EXPECT_EQ(read(own() + "/transcripts/one-11111111" + talk), text);
  EXPECT_EQ(unfinished(), 0);
}

TEST_F(AgentState, OfTwoSessionsThatContinueOneConversationNoneIsLost) {
  const std::string talk = "/.demo/talks/1.jsonl";
  const std::string stored = own() + "/transcripts/one-11111111" + talk;
  begin(first);
  write(home(first) + talk, "hello\n");
  end_session_state(first);
  begin(first);
  begin(second);
  write(home(first) + talk, "hello\none\n");
  write(home(second) + talk, "hello\ntwo, and longer\n");
  end_session_state(first);
  // A session that is kept is looked at when it ends and when it goes.
  harvest_session_state(second);
  EXPECT_EQ(read(stored), "hello\none\n");
  EXPECT_EQ(read(stored + "~00000002"), "hello\ntwo, and longer\n");
  testing::internal::CaptureStderr();
  end_session_state(second);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "it was told";
  EXPECT_FALSE(fs::exists(stored + "~00000002.2"));
  begin(second);
  EXPECT_EQ(read(home(second) + talk + "~00000002"), "hello\ntwo, and longer\n") << "the next one has both";
  // Its own names are taken too: as many as there are, and no more.
  for (int i = 0; i < 12; ++i) {
    write(home(second) + talk, "lie " + std::to_string(i));
    harvest_session_state(second);
  }
  EXPECT_EQ(read(stored + "~00000002"), "hello\ntwo, and longer\n");
  EXPECT_EQ(read(stored + "~00000002.2"), "lie 0");
  EXPECT_EQ(read(stored + "~00000002.9"), "lie 7");
  EXPECT_FALSE(fs::exists(stored + "~00000002.10"));
}

TEST_F(AgentState, AConversationWhereThereIsAFolderDoesNotKeepASessionFromItsEnd) {
  begin(first);
  write(home(first) + "/.demo/talks/a/1", "one");
  write(home(first) + "/.demo/talks/b", "two");
  end_session_state(first);
  begin(second);
  fs::remove_all(home(second) + "/.demo/talks");
  write(home(second) + "/.demo/talks/a", "a file");
  write(home(second) + "/.demo/talks/b/1", "in a folder");
  const std::string longest(255, 'n');
  write(home(second) + "/.demo/talks/" + longest, "one");
  harvest_session_state(second);
  write(home(second) + "/.demo/talks/" + longest, "two");
  write(home(second) + "/.demo/talks/shut", "x");
  fs::permissions(home(second) + "/.demo/talks/shut", fs::perms::none);
  end_session_state(second);
  EXPECT_THAT(sessions(), IsEmpty());
  const std::string stored = own() + "/transcripts/one-11111111/.demo/talks/";
  EXPECT_EQ(read(stored + "a/1"), "one");
  EXPECT_EQ(read(stored + "a~00000002"), "a file");
  EXPECT_EQ(read(stored + "b"), "two");
  EXPECT_EQ(read(stored + longest), "one");
}

TEST_F(AgentState, APatternSaysWhatOfAFolderIsAConversation) {
  profile.transcripts = {".demo/*/chats", ".demo/*/root"};
  begin(first);
  for (const char* file : {"p/chats/1", "p/chats/deep/2", "p/root", "p/logs", "chats/3", "p/q/chats/4"})
    write(home(first) + "/.demo/" + file, "text");
  end_session_state(first);
  begin(second);
  std::vector<std::string> seen;
  for (const auto& entry : fs::recursive_directory_iterator(home(second) + "/.demo")) {
    if (!entry.is_directory()) seen.push_back(fs::relative(entry.path(), home(second) + "/.demo"));
  }
  EXPECT_THAT(seen, UnorderedElementsAre("p/chats/1", "p/chats/deep/2", "p/root"));
  for (const auto& [path, pattern] : {std::pair{"a", "a"}, {"a/b/c", "a"}, {"a/b", "*"}, {"a/b/c", "a/*/c"}})
    EXPECT_TRUE(is_in(path, pattern)) << path << " " << pattern;
  for (const auto& [path, pattern] : {std::pair{"ab", "a"}, {"a", "a/b"}, {"a/x/y/c", "a/*/c"}, {"", "a"}})
    EXPECT_FALSE(is_in(path, pattern)) << path << " " << pattern;
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
