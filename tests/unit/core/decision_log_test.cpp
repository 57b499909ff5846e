#include "core/decision_log.hpp"

#include <gtest/gtest.h>

namespace drydock::core {
namespace {

TEST(DecisionLine, SaysWhatHappened) {
  EXPECT_EQ(decision_line(
                R"({"time":"2026-01-02T03:04:05Z","event":"close","leg":"proxy","host":"a.test","port":443,)"
                R"("sni":"a.test","address":"203.0.113.10","verdict":"allowed","rule":"*.test",)"
                R"("source":"--allow","sent":10,"received":20,"duration_ms":30})"),
            "2026-01-02T03:04:05Z  close  allowed  a.test:443 [203.0.113.10]  by *.test (--allow)  10 B out, "
            "20 B in, 30 ms");
  EXPECT_EQ(
      decision_line(
          R"({"time":"T","event":"denied","host":"b.test","port":443,"sni":"c.test","verdict":"denied",)"
          R"("reason":"sni differs"})"),
      "T  denied  denied  b.test:443 sni=c.test  sni differs");
  EXPECT_EQ(decision_line(R"({"time":"T","event":"ready"})"), "T  ready");
}

TEST(DecisionLine, LeavesOtherLinesAsTheyAre) {
  for (const char* line :
       {"CONNECT   Jan 02 03:04:05.678 [1]: Request", "", "{not json", R"({"no":"event"})", "[1]"}) {
    EXPECT_EQ(decision_line(line), line);
  }
}

TEST(DecisionCounts, AreTheGuardsOwn) {
  const auto counts = counts_in(R"({"event":"close","opened":12,"refused":3})");
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->allowed, 12);
  EXPECT_EQ(counts->denied, 3);
  for (const char* line : {"", "NOTICE", "{", R"({"event":"close"})", R"({"opened":"x","refused":1})",
                           R"({"opened":-4,"refused":1})"})
    EXPECT_FALSE(counts_in(line)) << line;
}

TEST(DecisionLine, IsFitForATerminal) {
  EXPECT_EQ(decision_line(R"({"time":"T","event":"denied","host":"\u001b[2Jx"})"), "T  denied  ?[2Jx");
  EXPECT_EQ(decision_line("plain\x1b[2J"), "plain?[2J");
  EXPECT_EQ(decision_line(R"({"time":"T","event":"denied","host":"a\u009b31m\u202eb\nT  open"})"),
            "T  denied  a?31m?b T  open");
}

}  // namespace
}  // namespace drydock::core
