#include "core/log_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/line_chain.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;
using State = LogCheck::State;
using Lines = std::vector<std::string>;

Lines log_of(int decisions, const Lines& ends, policy::LineChain chain = {}) {
  Lines lines{chain.seal(R"({"event":"begin","session":"0a0b0c0d"})")};
  for (int i = 0; i < decisions; ++i)
    lines.push_back(chain.seal(R"({"event":"denied","host":"h)" + std::to_string(i) + "\"}"));
  for (const std::string& end : ends) lines.push_back(chain.seal("{\"event\":\"" + end + "\"}"));
  return lines;
}

LogCheck check(LogKind kind, const Lines& lines, bool last_is_whole = true) {
  LogChecker checker(kind);
  for (std::size_t i = 0; i < lines.size(); ++i) checker.add(lines[i], i + 1 < lines.size() || last_is_whole);
  return checker.finish();
}

TEST(LogCheckTest, WhatItsGuardWroteIsWhole) {
  for (const auto& [kind, ends] :
       {std::pair{LogKind::live, Lines{}}, std::pair{LogKind::ended, Lines{"exit"}},
        std::pair{LogKind::kept, Lines{"exit", "kept"}}}) {
    const Lines lines = log_of(5, ends);
    const LogCheck found = check(kind, lines);
    EXPECT_EQ(found.state, State::whole) << found.reason;
    EXPECT_EQ(found.lines, lines.size());
    EXPECT_EQ(found.chain, policy::read_chained(lines.back())->chain);
    EXPECT_TRUE(found.notes.empty());
  }
  EXPECT_EQ(check(LogKind::live, {}).state, State::whole);
}

TEST(LogCheckTest, EveryLineThatIsChangedIsNamed) {
  const Lines sound = log_of(4, {"exit", "kept"});
  for (std::size_t i = 0; i < sound.size(); ++i) {
    for (const char* from : {"\"event\"", "\"seq\":", "\"chain\":\""}) {
      Lines lines = sound;
      const auto at = lines[i].find(from) + std::string(from).size();
      lines[i][at + 2] = lines[i][at + 2] == 'a' ? 'b' : 'a';
      const LogCheck found = check(LogKind::kept, lines);
      EXPECT_EQ(found.state, State::changed) << from << lines[i];
      EXPECT_EQ(found.line, i + 1) << lines[i];
    }
    // Also when its own hash is made to fit: then the next one's does not.
    Lines lines = sound;
    lines[i] = policy::LineChain(i, std::string(64, 'f')).seal("{\"event\":\"open\"}");
    EXPECT_EQ(check(LogKind::kept, lines).state, State::changed);
    EXPECT_EQ(check(LogKind::kept, lines).line, i + 1);
  }
}

TEST(LogCheckTest, EveryLineThatIsTakenOutIsMissed) {
  const Lines sound = log_of(4, {"exit", "kept"});
  for (std::size_t i = 0; i + 1 < sound.size(); ++i) {
    Lines lines = sound;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    const LogCheck found = check(LogKind::kept, lines);
    EXPECT_EQ(found.state, State::missing) << i;
    EXPECT_EQ(found.line, i + 1);
    EXPECT_THAT(found.reason, HasSubstr("1 line is missing"));
    EXPECT_EQ(found.wrong, 1U);
  }
}

TEST(LogCheckTest, LinesOutOfPlaceAreSeen) {
  Lines twice = log_of(4, {"exit", "kept"});
  twice.insert(twice.begin() + 2, twice[1]);
  EXPECT_EQ(check(LogKind::kept, twice).state, State::changed);
  Lines swapped = log_of(4, {"exit", "kept"});
  std::swap(swapped[2], swapped[3]);
  EXPECT_EQ(check(LogKind::kept, swapped).line, 3U);
  Lines foreign = log_of(4, {"exit", "kept"});
  foreign.insert(foreign.begin() + 2, R"({"event":"denied"})");
  EXPECT_EQ(check(LogKind::kept, foreign).state, State::changed);
  EXPECT_EQ(check(LogKind::kept, foreign).line, 3U);
}

TEST(LogCheckTest, ACutTailIsToldApartFromAChange) {
  const Lines sound = log_of(4, {"exit", "kept"});
  for (std::size_t left = 1; left < sound.size(); ++left) {
    const LogCheck found =
        check(LogKind::kept, Lines(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(left)));
    EXPECT_EQ(found.state, State::truncated) << left;
    EXPECT_EQ(found.line, 0U);
    EXPECT_EQ(found.lines, left);
  }
  Lines in_the_middle = sound;
  in_the_middle.back().resize(30);
  const LogCheck found = check(LogKind::kept, in_the_middle, false);
  EXPECT_EQ(found.state, State::truncated);
  EXPECT_THAT(found.reason, HasSubstr("cut off"));
  EXPECT_EQ(check(LogKind::kept, {}).state, State::truncated);
  EXPECT_EQ(check(LogKind::ended, log_of(4, {})).state, State::truncated);
  EXPECT_EQ(check(LogKind::live, log_of(4, {})).state, State::whole);
}

TEST(LogCheckTest, AGuardThatWasStartedAgainOrKilledIsTold) {
  Lines lines = log_of(2, {});
  const Lines second = log_of(3, {"exit", "kept"});
  lines.insert(lines.end(), second.begin(), second.end());
  const LogCheck again = check(LogKind::kept, lines);
  EXPECT_EQ(again.state, State::whole) << again.reason;
  EXPECT_THAT(again.notes, testing::ElementsAre("the guard was started 2 times", HasSubstr("was killed")));
  const LogCheck killed = check(LogKind::kept, log_of(2, {"kept"}));
  EXPECT_EQ(killed.state, State::whole);
  EXPECT_THAT(killed.notes, testing::ElementsAre(HasSubstr("was killed")));
}

// What is left of a log of so many lines; the line that closes a kept one says what was gone then.
Lines end_of_log(std::uint64_t gone, std::uint64_t told) {
  policy::LineChain chain(gone, std::string(64, 'a'));
  Lines lines;
  for (const char* object : {R"({"event":"denied","host":"a"})", R"({"event":"exit"})"})
    lines.push_back(chain.seal(object));
  lines.push_back(chain.seal(R"({"event":"kept","gone":)" + std::to_string(told) + "}"));
  return lines;
}

TEST(LogCheckTest, ABeginningThatTheEngineHasDroppedIsToldApart) {
  const Lines kept = end_of_log(4000, 4000);
  const LogCheck found = check(LogKind::kept, kept);
  EXPECT_EQ(found.state, State::bounded) << found.reason;
  EXPECT_EQ(found.gone, 4000U);
  EXPECT_EQ(found.line, 0U);
  EXPECT_EQ(found.wrong, 0U);
  EXPECT_THAT(found.reason, HasSubstr("the first 4000 lines are gone"));
  // On the engine nobody has said how many there were.
  EXPECT_EQ(check(LogKind::ended, {kept[0], kept[1]}).state, State::bounded);
  EXPECT_EQ(check(LogKind::live, {kept[0]}).state, State::bounded);
  // It is no excuse for the rest.
  Lines changed = kept;
  changed[1].replace(changed[1].find("exit"), 4, "open");
  EXPECT_EQ(check(LogKind::kept, changed).state, State::changed);
  EXPECT_EQ(check(LogKind::kept, changed).line, 2U);
  EXPECT_EQ(check(LogKind::kept, {kept[0], kept[2]}).state, State::missing);
  EXPECT_EQ(check(LogKind::kept, {kept[0], kept[1]}).state, State::truncated);
}

TEST(LogCheckTest, ABeginningThatNoEngineHasDroppedIsMissing) {
  const auto expect_missing = [](LogKind kind, const Lines& lines, const std::string& gone) {
    const LogCheck found = check(kind, lines);
    EXPECT_EQ(found.state, State::missing) << gone;
    EXPECT_EQ(found.line, 1U);
    EXPECT_EQ(found.wrong, 1U);
    EXPECT_EQ(found.gone, 0U);
    EXPECT_THAT(found.reason, HasSubstr(gone));
  };
  // More was there when it was kept.
  expect_missing(LogKind::kept, end_of_log(4000, 0), "4000 lines are missing");
  expect_missing(LogKind::kept, end_of_log(4001, 4000), "4001 lines are missing");
  // So few do not fill what an engine keeps.
  expect_missing(LogKind::kept, end_of_log(fewest_gone - 1, fewest_gone - 1), "999 lines are missing");
  const Lines ended = log_of(9, {"exit"});
  for (const LogKind kind : {LogKind::live, LogKind::ended})
    expect_missing(kind, Lines(ended.begin() + 4, ended.end()), "4 lines are missing");
}

}  // namespace
}  // namespace drydock::core
