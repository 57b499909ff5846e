// What an agent changes in place, a database or its memory: whole copies, one session's after the other's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "core/conversations.hpp"
#include "state_of_agent.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WholeCopies : public AgentState {
 protected:
  WholeCopies() {
    profile.transcripts.clear();
    profile.whole = {".demo/db", ".demo/db-wal", ".demo/parts"};
  }
  void put(const std::string& session, const std::string& text) const {
    write(home(session) + "/.demo/db", text);
    write(home(session) + "/.demo/db-wal", text + ", the rest");
    write(home(session) + "/.demo/db-shm", "not for others");
  }
  std::string seen(const std::string& session) const {
    return read(home(session) + "/.demo/db") + "|" + read(home(session) + "/.demo/db-wal") + "|" +
           read(home(session) + "/.demo/db-shm");
  }
  // The copies that are stored, and which is the latest.
  std::string stored() const {
    const std::string store = own() + "/whole/one-11111111";
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(store)) {
      if (entry.is_directory() && entry.path().filename() != "earlier")
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return join(names, " ") + ", " + read(store + "/latest");
  }
  std::vector<std::string> earlier() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(own() + "/whole/one-11111111/earlier", none))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string end(const std::string& session) const {
    testing::internal::CaptureStderr();
    end_session_state(session);
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(WholeCopies, TheNextSessionHasAllOfTheLastOne) {
  begin(first);
  EXPECT_EQ(seen(first), "||");
  end_session_state(first);
  EXPECT_FALSE(fs::exists(own() + "/whole")) << "there is nothing";
  begin(first);
  put(first, "one");
  write(home(first) + "/.demo/parts/a/b", "part");
  EXPECT_EQ(end(first), "");
  EXPECT_EQ(stored(), "00000001, 00000001\n");
  begin(second);
  EXPECT_EQ(seen(second), "one|one, the rest|");
  EXPECT_EQ(read(home(second) + "/.demo/parts/a/b"), "part");
  begin("00000003", "two-22222222");
  EXPECT_EQ(seen("00000003"), "||") << "another project";
  EXPECT_EQ(end(second), "");
  EXPECT_EQ(stored(), "00000001, 00000001\n") << "it has changed nothing";
  begin(second);
  put(second, "two");
  fs::remove(home(second) + "/.demo/db-wal");
  fs::remove_all(home(second) + "/.demo/parts");
  EXPECT_EQ(end(second), "");
  EXPECT_EQ(stored(), "00000002, 00000002\n") << "the one that it goes on from is in it";
  EXPECT_THAT(earlier(), ElementsAre("00000001"));
  begin(first);
  EXPECT_EQ(seen(first), "two||") << "no part of an older one";
  EXPECT_FALSE(fs::exists(home(first) + "/.demo/parts/a"));
}

TEST_F(WholeCopies, WhatASessionEmptiesIsInAnEarlierCopy) {
  begin(first);
  put(first, "precious");
  end_session_state(first);
  begin(second);
  put(second, "");
  EXPECT_EQ(end(second), "");
  const std::string store = own() + "/whole/one-11111111";
  EXPECT_EQ(read(store + "/earlier/00000001/.demo/db"), "precious");
  // The way back that drydock-sync(1) has.
  fs::rename(store + "/earlier/00000001", store + "/00000001");
  std::ofstream(store + "/latest") << "00000001\n";
  begin("00000003");
  EXPECT_EQ(seen("00000003"), "precious|precious, the rest|");
  put("00000003", "more");
  end_session_state("00000003");
  for (int i = 4; i <= 9; ++i) {
    const std::string session = "0000000" + std::to_string(i);
    begin(session);
    put(session, session);
    end_session_state(session);
    fs::last_write_time(store + "/" + session, fs::file_time_type::clock::now() + std::chrono::minutes(i));
  }
  EXPECT_THAT(earlier(), ElementsAre("00000004", "00000005", "00000006", "00000007", "00000008"));
  EXPECT_EQ(stored(), "00000002 00000009, 00000009\n") << "the one that was gone back from is nobody's now";
}

TEST_F(WholeCopies, OfTwoAtOnceTheLastWinsAndTheOtherStays) {
  begin("00000003");
  put("00000003", "base");
  end_session_state("00000003");
  begin(first);
  begin(second);
  put(first, "one");
  put(second, "two");
  EXPECT_EQ(end(first), "");
  const std::string told = end(second);
  EXPECT_THAT(told, HasSubstr(own() + "/whole/one-11111111/00000001"));
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
  EXPECT_EQ(stored(), "00000001 00000002, 00000002\n");
  EXPECT_EQ(read(own() + "/whole/one-11111111/00000001/.demo/db"), "one");
  begin("00000003");
  EXPECT_EQ(seen("00000003"), "two|two, the rest|");
  put("00000003", "three");
  EXPECT_EQ(end("00000003"), "");
  EXPECT_EQ(stored(), "00000001 00000003, 00000003\n")
      << "what was displaced stays until somebody removes it";
}

TEST_F(WholeCopies, WhatASessionTakesAwayIsGoneForTheNextOne) {
  begin(first);
  put(first, "one");
  end_session_state(first);
  begin(second);
  for (const char* file : {"db", "db-wal"}) fs::remove(home(second) + "/.demo/" + file);
  EXPECT_EQ(end(second), "");
  begin("00000003");
  EXPECT_EQ(seen("00000003"), "||");
  EXPECT_EQ(end("00000003"), "");
  EXPECT_EQ(stored(), "00000002, 00000002\n") << "it has changed nothing";
  EXPECT_EQ(read(own() + "/whole/one-11111111/earlier/00000001/.demo/db"), "one");
}

// A folder of it that lies among conversations.
class Memory : public WholeCopies {
 protected:
  Memory() {
    profile.transcripts = {".demo/talks"};
    profile.whole = {".demo/talks/*/memory"};
  }
  std::string place(const std::string& session) const { return home(session) + "/.demo/talks/p"; }
};

TEST_F(Memory, ChangesFromSessionToSessionWhileConversationsOnlyGrow) {
  for (int i = 1; i <= 4; ++i) {
    const std::string session = "0000000" + std::to_string(i);
    begin(session);
    EXPECT_EQ(read(place(session) + "/memory/notes"), i == 1 ? "" : "of " + std::to_string(i - 1));
    EXPECT_EQ(fs::exists(place(session) + "/memory/topic"), i == 2);
    EXPECT_EQ(read(place(session) + "/1.jsonl"), i == 1 ? "" : "hello\n");
    write(place(session) + "/memory/notes", "of " + std::to_string(i));
    if (i == 1) write(place(session) + "/1.jsonl", "hello\n");
    if (i == 1) write(place(session) + "/memory/topic", "of a topic");
    if (i == 2) fs::remove(place(session) + "/memory/topic");
    if (i == 3) write(place(session) + "/1.jsonl", "HELLO\n");
    const std::string told = end(session);
    EXPECT_EQ(told.empty(), i != 3) << "the control: " << told;
  }
  std::vector<std::string> of_conversations;
  for (const auto& entry : fs::recursive_directory_iterator(own() + "/transcripts")) {
    if (!entry.is_directory()) of_conversations.push_back(entry.path().filename());
  }
  std::sort(of_conversations.begin(), of_conversations.end());
  EXPECT_THAT(of_conversations, ElementsAre("1.jsonl", "1.jsonl~00000003"));
}

TEST_F(Memory, OfTwoAtOnceTheOneThatIsNotTheLatestStaysAndIsTold) {
  begin("00000005");
  write(place("00000005") + "/memory/notes", "of both");
  end_session_state("00000005");
  begin(first);
  begin(second);
  write(place(first) + "/memory/notes", "of the first");
  write(place(second) + "/memory/notes", "of the second");
  EXPECT_EQ(end(first), "");
  EXPECT_THAT(end(second), HasSubstr("session 00000001 ended while this one ran: the next one begins with "
                                     "this one's '~/.demo/talks/*/memory'; that of 00000001 is in '" +
                                     own() + "/whole/one-11111111/00000001'"));
  EXPECT_EQ(read(own() + "/whole/one-11111111/00000001/.demo/talks/p/memory/notes"), "of the first");
  begin("00000003");
  EXPECT_EQ(read(place("00000003") + "/memory/notes"), "of the second");
  begin(first);
  write(place(first) + "/memory/notes", "of the first, again");
  EXPECT_EQ(end(first), "");
  EXPECT_EQ(end("00000003"), "") << "one that only read takes nothing back";
  begin("00000003");
  begin("00000004");
  for (const char* session : {"00000003", "00000004"}) {
    write(place(session) + "/memory/notes", "of both, the same");
    EXPECT_EQ(end(session), "") << "nothing is lost";
  }
  begin("00000003");
  write(place("00000003") + "/memory/notes", "of the first, again");
  EXPECT_EQ(end("00000003"), "");
  begin(second);
  EXPECT_EQ(read(place(second) + "/memory/notes"), "of the first, again");
}

TEST_F(Memory, OneThatCannotBeLookedAtIsNotTakenForNone) {
  begin(first);
  write(place(first) + "/memory/notes", "one");
  end_session_state(first);
  begin(second);
  fs::rename(home(second) + "/.demo/talks", home(second) + "/.demo/moved");
  fs::create_directory_symlink("moved", home(second) + "/.demo/talks");
  EXPECT_THAT(end(second), HasSubstr("the session's '~/.demo/talks/*/memory' is not kept: cannot keep "
                                     "'.demo/talks' of the session's state"));
  begin(second);
  EXPECT_EQ(read(place(second) + "/memory/notes"), "one");
  // Beside it anything may be, however much.
  for (const char* file : {"a", "b", "c", "d"}) write(place(second) + "/" + file + ".jsonl", "x");
  fs::create_symlink("p", home(second) + "/.demo/talks/link");
  write(home(second) + "/.demo/talks/file", "x");
  std::vector<std::string> found;
  const UniqueFd opened = open_folder(home(second));
  walk_pattern(
      opened.get(), profile.whole.front(), {3, 16, 100},
      [&](const std::string& file, const struct stat&) { found.push_back(file); },
      [](const std::string& path, const std::string& reason) { ADD_FAILURE() << path << ": " << reason; });
  EXPECT_THAT(found, ElementsAre(".demo/talks/p/memory/notes"));
  std::vector<std::string> refused;
  walk_pattern(
      opened.get(), ".demo/talks/p/*", {3, 16, 100}, [](const std::string&, const struct stat&) {},
      [&](const std::string& path, const std::string& reason) { refused.push_back(path + ": " + reason); });
  EXPECT_THAT(refused, ElementsAre(".demo/talks/p: there are too many files"));
}

TEST_F(WholeCopies, TheMemoryOfEachAgentIsOneAndItsConversationsAreNot) {
  struct Case {
    const char* agent;
    const char* memory;
    const char* conversation;
  };
  for (const Case& one :
       {Case{"claude", ".claude/projects/-work-demo/memory/MEMORY.md",
             ".claude/projects/-work-demo/0b1c/subagents/agent-1.jsonl"},
        Case{"claude", ".claude/agent-memory/reviewer/MEMORY.md", ".claude/projects/-work-demo/0b1c.jsonl"},
        Case{"codex", ".codex/memories/MEMORY.md", ".codex/sessions/2026/1.jsonl"},
        Case{"gemini", ".gemini/tmp/demo/memory/MEMORY.md", ".gemini/tmp/demo/chats/1.json"},
        Case{"opencode", ".local/share/opencode/opencode.db", nullptr}}) {
    const AgentProfile agent = find_agent(one.agent);
    EXPECT_TRUE(is_in_any(one.memory, agent.whole)) << one.memory;
    if (one.conversation == nullptr) continue;
    EXPECT_TRUE(is_in_any(one.conversation, agent.transcripts)) << one.conversation;
    EXPECT_FALSE(is_in_any(one.conversation, agent.whole)) << one.conversation;
  }
}

TEST_F(WholeCopies, ASessionThatIsKeptTakesNothingBackWhenItGoes) {
  begin(first);
  put(first, "one");
  write(home(first) + "/.demo/login", "old");
  harvest_session_state(first);
  begin(second);
  put(second, "two");
  write(home(second) + "/.demo/login", "new");
  end_session_state(second);
  EXPECT_EQ(end(first), "");
  begin(second);
  EXPECT_EQ(seen(second), "two|two, the rest|");
  EXPECT_EQ(read(home(second) + "/.demo/login"), "new");
}

TEST_F(WholeCopies, APartThatCannotBeTakenLeavesTheStoredOne) {
  begin(first);
  put(first, "one");
  end_session_state(first);
  write(folder.path() + "/secret", "not for anybody");
  begin(second);
  put(second, "two");
  fs::remove(home(second) + "/.demo/db-wal");
  fs::create_symlink(folder.path() + "/secret", home(second) + "/.demo/db-wal");
  EXPECT_THAT(end(second), HasSubstr("cannot keep '.demo/db-wal'"));
  EXPECT_THAT(sessions(), IsEmpty());
  EXPECT_EQ(stored(), "00000001, 00000001\n");
  // What a crash in the middle leaves is of no session, and goes.
  fs::create_directories(own() + "/whole/one-11111111/.copy-0123/.demo");
  begin(second);
  EXPECT_EQ(seen(second), "one|one, the rest|");
  put(second, "two");
  end_session_state(second);
  EXPECT_EQ(stored(), "00000002, 00000002\n");
  // A name that is none of a session's leads nowhere.
  std::ofstream(own() + "/whole/one-11111111/latest") << "../../prototype";
  begin(first);
  EXPECT_EQ(seen(first), "||");
}

}  // namespace
}  // namespace drydock::core
