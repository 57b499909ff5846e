// What an agent keeps in a database: whole copies, one session's after the other's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
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
