#include "core/decision_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "policy/judge.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using What = BoardKey::What;

std::string denied(const std::string& host, const std::string& reason = "not on the allowlist") {
  return R"({"event":"denied","host":")" + host + R"(","verdict":"denied","reason":")" + reason +
         R"(","opened":0,"refused":1})";
}
std::string opened(const std::string& host) {
  return R"({"event":"open","host":")" + host + R"(","rule":")" + host + R"(","opened":1,"refused":0})";
}

class DecisionBoardTest : public testing::Test {
 protected:
  std::vector<std::string> hosts() const {
    std::vector<std::string> all;
    for (const BoardRow& row : board.rows()) all.push_back(row.host);
    return all;
  }
  // The screen, a line each, without what moves the cursor.
  std::vector<std::string> screen(unsigned rows, unsigned columns) const {
    std::string text = board.draw({rows, columns});
    for (const char* sequence : {"\x1b[H", "\x1b[K", "\x1b[J", "\x1b[7m", "\x1b[0m", "\r"}) {
      for (auto at = text.find(sequence); at != std::string::npos; at = text.find(sequence))
        text.erase(at, std::string(sequence).size());
    }
    return split(text, '\n');
  }
  DecisionBoard board{"0a0b0c0d", "/home/me/project"};
};

TEST_F(DecisionBoardTest, CountsByHost) {
  board.add(opened("a.test"));
  board.add(R"({"event":"close","host":"a.test","sent":10,"received":2000000,"opened":1,"refused":0})");
  board.add(opened("a.test"));
  board.add(denied("b.test"));
  board.add(denied("b.test"));
  board.add(
      R"({"event":"close","host":"c.test","verdict":"allowed","reason":"refused","opened":2,"refused":2})");
  const auto rows = board.rows();
  ASSERT_THAT(hosts(), ElementsAre("b.test", "c.test", "a.test"));
  EXPECT_EQ(rows[0].denied, 2U);
  EXPECT_EQ(rows[0].admits, "b.test");
  EXPECT_EQ(rows[1].verdict, BoardRow::Verdict::failed);
  EXPECT_EQ(rows[2].opened, 2U);
  EXPECT_EQ(rows[2].received, 2000000U);
  EXPECT_EQ(rows[2].verdict, BoardRow::Verdict::allowed);
}

TEST_F(DecisionBoardTest, AnOpenTunnelShowsWhatItHasCarriedAndNothingMoves) {
  const auto traffic = [](const std::string& event, const std::string& octets) {
    return R"({"event":")" + event + R"(","host":"a.test","rule":"a.test","tunnel":1,"sent":)" + octets +
           R"(,"received":)" + octets + R"(,"opened":1,"refused":0})";
  };
  board.add(opened("a.test"));
  board.add(opened("b.test"));
  board.add(traffic("progress", "70000"));
  EXPECT_THAT(hosts(), ElementsAre("b.test", "a.test"));
  EXPECT_EQ(board.rows()[1].sent, 70000U);
  EXPECT_EQ(board.rows()[1].opened, 1U);
  board.add(R"({"event":"denied","host":"a.test","reason":"its ClientHello did not come in time"})");
  board.add(traffic("progress", "200000"));
  EXPECT_EQ(board.rows()[0].verdict, BoardRow::Verdict::denied) << "octets are no verdict";
  EXPECT_EQ(board.rows()[0].received, 200000U);
  board.add(traffic("close", "200001"));
  EXPECT_EQ(board.rows()[0].sent, 200001U) << "an octet was counted twice";
  board.add(R"({"event":"progress","host":"c.test","rule":"*","tunnel":2,"sent":1,"received":2})");
  EXPECT_EQ(board.rows()[0].host, "c.test");
  EXPECT_EQ(board.rows()[0].verdict, BoardRow::Verdict::allowed) << "the line on its opening is missing";
}

TEST_F(DecisionBoardTest, PassesOverWhatIsNoDecision) {
  for (const char* line :
       {"", "text", "[]", R"({"event":"ready"})", R"({"event":"denied"})",
        R"({"event":"denied","host":"canary-1.drydock.invalid"})", R"({"event":7,"host":"a"})"}) {
    board.add(line);
  }
  EXPECT_THAT(hosts(), testing::IsEmpty());
  EXPECT_EQ(board.chosen(), "");
  ASSERT_EQ(board.type("s").size(), 1U);
  EXPECT_EQ(board.type("s")[0].what, What::redraw);
}

TEST_F(DecisionBoardTest, WhoAsksComesFirst) {
  board.add(R"({"event":"ask","host":"ask.test","opened":0,"refused":0})");
  board.add(denied("late.test"));
  board.add(denied("10.0.0.1", policy::is_an_address));
  EXPECT_THAT(hosts(), ElementsAre("ask.test", "late.test", "10.0.0.1"));
  EXPECT_EQ(board.rows()[0].admits, "ask.test");
  board.add(R"({"event":"answer","host":"ask.test","verdict":"denied","reason":"not on the allowlist"})");
  EXPECT_EQ(board.rows()[0].verdict, BoardRow::Verdict::denied);
  EXPECT_EQ(board.rows()[0].admits, "ask.test");
  board.add(R"({"event":"answer","host":"ask.test","verdict":"allowed"})");
  EXPECT_EQ(board.rows()[1].verdict, BoardRow::Verdict::allowed);
}

TEST_F(DecisionBoardTest, KeysAllowTheChosenHost) {
  board.add(denied("a.test"));
  board.add(denied("b.test"));
  EXPECT_EQ(board.chosen(), "b.test");
  for (const auto& [key, what] : {std::pair{"s", What::allow_session}, std::pair{"p", What::allow_project},
                                  std::pair{"e", What::allow_everywhere}}) {
    const auto typed = board.type(key);
    ASSERT_EQ(typed.size(), 1U);
    EXPECT_EQ(typed[0].what, what);
    EXPECT_EQ(typed[0].host, "b.test");
  }
  EXPECT_EQ(board.type("j")[0].what, What::redraw);
  EXPECT_EQ(board.chosen(), "a.test");
  EXPECT_EQ(board.type("j")[0].what, What::redraw);
  EXPECT_EQ(board.chosen(), "a.test") << "there is none below";
  board.type("\x1b[A");
  EXPECT_EQ(board.chosen(), "b.test");
  // An arrow key may come in pieces, and a burst of keys at once.
  board.type("\x1b");
  board.type("[");
  board.type("B");
  EXPECT_EQ(board.chosen(), "a.test");
  const auto burst = board.type("ks\x1bOBsq");
  ASSERT_EQ(burst.size(), 5U);
  EXPECT_EQ(burst[1].host, "b.test");
  EXPECT_EQ(burst[3].host, "a.test");
  EXPECT_EQ(burst[4].what, What::quit);
  EXPECT_EQ(board.type("\x03")[0].what, What::quit);
  EXPECT_EQ(board.type("x\xff")[0].what, What::redraw);
}

TEST_F(DecisionBoardTest, TheChosenOneStaysWhenOthersCome) {
  board.add(denied("a.test"));
  board.add(denied("b.test"));
  board.type("j");
  board.add(denied("c.test"));
  EXPECT_EQ(board.type("s")[0].host, "a.test")
      << "a key must not hit another host than the one that was marked";
}

TEST_F(DecisionBoardTest, WhatCannotBeAllowedIsNot) {
  board.add(denied("10.0.0.1", policy::is_an_address));
  EXPECT_EQ(board.type("s")[0].what, What::redraw);
  EXPECT_THAT(board.draw({24, 80}), HasSubstr("no allowlist can allow 10.0.0.1: it is an address"));
  board.add(opened("a.test"));
  board.type("k");
  EXPECT_EQ(board.chosen(), "a.test");
  EXPECT_EQ(board.type("e")[0].what, What::redraw);
  EXPECT_THAT(board.draw({24, 80}), HasSubstr("allowed already"));
}

TEST_F(DecisionBoardTest, WhatThisSessionAloneAllowsCanBeKept) {
  for (const std::string source : {"live", "--allow"}) {
    board.add(R"({"event":"open","host":"a.test","rule":"*.test","source":")" + source + "\"}");
    EXPECT_EQ(board.type("s")[0].what, What::redraw) << source;
    EXPECT_THAT(board.draw({24, 80}), HasSubstr("a.test is allowed already, by *.test (" + source + ")"));
    const auto kept = board.type("pe");
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].what, What::allow_project) << source;
    EXPECT_EQ(kept[1].what, What::allow_everywhere) << source;
    EXPECT_EQ(kept[0].host, "a.test");
  }
  board.add(R"({"event":"open","host":"a.test","rule":"a.test","source":"/home/me/hosts:3"})");
  EXPECT_EQ(board.type("p")[0].what, What::redraw);
  EXPECT_THAT(board.draw({24, 80}), HasSubstr("a.test is allowed already, by a.test (/home/me/hosts:3)"));
}

TEST_F(DecisionBoardTest, WhatIsAllowedAndFailedSaysBoth) {
  const auto failed = [](const std::string& host, const std::string& source) {
    return R"({"event":"close","host":")" + host + R"(","rule":"*.test","source":")" + source +
           R"(","verdict":"allowed","reason":"Connection refused"})";
  };
  board.add(failed("a.test", "/home/me/hosts:3"));
  for (const char* key : {"s", "p", "e"}) {
    EXPECT_EQ(board.type(key)[0].what, What::redraw) << key;
    EXPECT_THAT(board.draw({24, 120}),
                HasSubstr("a.test is allowed, by *.test (/home/me/hosts:3); it failed: Connection refused"));
  }
  board.add(failed("b.test", "live"));
  EXPECT_EQ(board.type("s")[0].what, What::redraw);
  EXPECT_THAT(board.draw({24, 120}), HasSubstr("b.test is allowed, by *.test (live); it failed: Connection"));
  EXPECT_EQ(board.type("p")[0].host, "b.test") << "that of the session alone can be kept";
  // Nobody has judged it.
  board.add(R"({"event":"close","host":"c.test","verdict":"allowed","reason":"tinyproxy is silent"})");
  EXPECT_EQ(board.type("s")[0].what, What::redraw);
  EXPECT_THAT(board.draw({24, 120}),
              HasSubstr("c.test failed, and no allowlist mends that: tinyproxy is silent"));
}

TEST_F(DecisionBoardTest, WhatIsNoLongerAllowedSaysSoAndCanBeAllowedAgain) {
  const auto opened_by = [](const std::string& host, const std::string& rule, const std::string& source) {
    return R"({"event":"open","host":")" + host + R"(","rule":")" + rule + R"(","source":")" + source + "\"}";
  };
  const std::string reload = R"({"event":"reload","verdict":"allowed","generation":2})";
  const std::string expired = R"({"event":"expired","rule":"a.test","source":"live"})";
  policy::Entries rules;
  ASSERT_EQ(rules.add({"*.wild.test", "--allow"}), "");
  ASSERT_EQ(rules.add({"b.test", "live"}), "");
  for (const std::string& told : {reload, expired}) {
    EXPECT_FALSE(board.add(opened_by("a.test", "a.test", "live")));
    EXPECT_FALSE(board.add(opened_by("x.wild.test", "x.wild.test", "live")));
    EXPECT_FALSE(board.add(opened_by("b.test", "b.test", "live")));
    EXPECT_TRUE(board.add(told));
    board.hold_to(rules);
    EXPECT_THAT(hosts(), ElementsAre("a.test", "b.test", "x.wild.test"));
    EXPECT_EQ(board.rows()[0].verdict, BoardRow::Verdict::denied);
    EXPECT_THAT(board.draw({24, 120}), testing::ContainsRegex("denied  a\\.test .* no longer allowed"));
    const auto again = board.type("spe");
    ASSERT_EQ(again.size(), 3U);
    EXPECT_EQ(again[0].what, What::allow_session) << told;
    EXPECT_EQ(again[1].what, What::allow_project) << told;
    EXPECT_EQ(again[2].what, What::allow_everywhere) << told;
    EXPECT_EQ(again[0].host, "a.test");
    // The others are allowed all the same, by whatever it is now.
    board.type("j");
    EXPECT_EQ(board.type("s")[0].what, What::redraw);
    EXPECT_THAT(board.draw({24, 120}), HasSubstr("b.test is allowed already, by b.test (live)"));
    board.type("j");
    EXPECT_EQ(board.type("s")[0].what, What::redraw);
    EXPECT_THAT(board.draw({24, 120}), HasSubstr("x.wild.test is allowed already, by *.wild.test (--allow)"));
    board.type("kk");
  }
  EXPECT_FALSE(board.add(R"({"event":"reload","verdict":"denied","generation":1,"reason":"x"})"))
      << "the old rules stay";
}

// Its tunnel is cut before the guard says that the rules are others.
TEST_F(DecisionBoardTest, ATunnelThatIsCutSaysSo) {
  board.add(R"({"event":"open","host":"a.test","rule":"a.test","source":"live","tunnel":1})");
  board.add(
      R"({"event":"close","host":"a.test","rule":"a.test","source":"live","tunnel":1,"verdict":"allowed",)"
      R"("sent":5,"received":6,"reason":"no longer allowed"})");
  EXPECT_EQ(board.rows()[0].verdict, BoardRow::Verdict::denied);
  EXPECT_EQ(board.rows()[0].sent, 5U);
  EXPECT_EQ(board.type("s")[0].what, What::allow_session);
  // And one that was not yet open.
  board.add(denied("b.test", policy::no_longer_allowed));
  EXPECT_EQ(board.type("s")[0].host, "b.test");
}

TEST_F(DecisionBoardTest, FitsTheScreen) {
  for (int i = 0; i < 100; ++i)
    board.add(denied("a-rather-long-name-of-a-host-" + std::to_string(i) + ".test"));
  for (const auto& [rows, columns] : {std::pair{24U, 80U}, std::pair{6U, 30U}, std::pair{50U, 200U}}) {
    const auto lines = screen(rows, columns);
    EXPECT_EQ(lines.size(), rows);
    for (const std::string& line : lines) EXPECT_LE(line.size(), columns) << line;
  }
  EXPECT_EQ(screen(0, 0).size(), 24U) << "a terminal that does not say its size";
  for (int i = 0; i < 99; ++i) board.type("j");
  EXPECT_THAT(board.draw({24, 200}), HasSubstr("host-0.test")) << "the chosen one is always in sight";
}

TEST_F(DecisionBoardTest, ForeignTextCannotDriveTheTerminal) {
  board.add(R"({"event":"denied","host":"a\u001b[31m\u009b\n.test","reason":"\u001b]0;x\u0007"})");
  for (const std::string& line : screen(24, 80)) EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  EXPECT_EQ(board.type("s")[0].what, What::redraw);
  for (int i = 0; i < 2000; ++i) board.add(denied("h" + std::to_string(i) + ".test"));
  EXPECT_EQ(board.rows().size(), DecisionBoard::limit);
}

}  // namespace
}  // namespace drydock::core
