#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/defects.hpp"
#include "runtime/version.hpp"

namespace drydock::runtime {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string found(std::string_view text) {
  const auto version = Version::find_in(text);
  return version ? version->to_string() : "";
}

TEST(Versions, AreFoundInWhatProgramsSay) {
  EXPECT_EQ(found("crun version 1.8.1\ncommit: f8a096be060b22ccd3d5f3ebe44108517fbf6c30"), "1.8.1");
  EXPECT_EQ(found("v1.1.12-0-g51d5e94"), "1.1.12");
  EXPECT_EQ(found("20.10.24+dfsg1"), "20.10.24");
  EXPECT_EQ(found("1.1.5+ds1-1+deb12u1"), "1.1.5");
  EXPECT_EQ(found("netavark 1.14"), "1.14");
  EXPECT_EQ(found("pasta 0.0~git20250503"), "0.0");
  for (const char* none : {"", "51d5e94", "unknown", "7", "1.", ".5", "99999999999999999999.1"})
    EXPECT_EQ(found(none), "") << none;
}

TEST(Versions, CompareByNumbers) {
  const std::vector<Version> sorted{{{1, 4}}, {{1, 4, 0}}, {{1, 9}}, {{1, 10}}, {{1, 10, 1}}, {{2, 0}}};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < sorted.size(); ++j)
      EXPECT_EQ(sorted[i] < sorted[j], i < j) << sorted[i].to_string() << " " << sorted[j].to_string();
  }
}

const std::vector<Defect>& defects() {
  static const std::vector<Defect> table{
      {"ONE", "runc", {{{{1, 0}}, {{1, 2, 8}}}, {{{1, 3}}, {{1, 3, 3}}}}, "it leaks", ""},
      {"TWO", "runc", {{{{1, 1}}, {{1, 1, 12}}}}, "it breaks", ""},
      {"THREE", "netavark", {{{{1, 0}}, {{1, 15, 1}}}}, "it lies", "nobody asks it"},
  };
  return table;
}

TEST(Defects, AreThoseOfTheVersion) {
  for (const char* sound : {"1.2.8", "1.2.9", "1.3.3", "2.0", "0.9"})
    EXPECT_THAT(judge_defects(defects(), {{"runc", sound}}), IsEmpty()) << sound;
  for (const char* old : {"1.0.0", "1.2.7", "1.3.0", "1.3.2"}) {
    const Findings findings = judge_defects(defects(), {{"runc", old}});
    ASSERT_THAT(findings, SizeIs(1)) << old;
    EXPECT_EQ(findings.front().status, FindingStatus::warning);
    EXPECT_THAT(findings.front().what, HasSubstr("ONE (it leaks)"));
    EXPECT_THAT(findings.front().fix, HasSubstr("upgrade runc to 1.2.8, 1.3.3 or newer"));
  }
}

TEST(Defects, SeveralOfOneProgramAreOneLine) {
  const Findings findings = judge_defects(defects(), {{"runc", "runc 1.1.5+ds1"}});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings.front().what,
            "runc 1.1.5 has known defects by its version: ONE (it leaks), TWO (it breaks)");
  EXPECT_THAT(findings.front().fix, HasSubstr("1.2.8, 1.3.3")) << "what mends both";
}

TEST(Defects, WhatDrydockClosesIsANote) {
  const Findings findings = judge_defects(defects(), {{"netavark", "1.4.0"}});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings.front().status, FindingStatus::note);
  EXPECT_THAT(findings.front().what, HasSubstr("nobody asks it"));
  EXPECT_EQ(findings.front().fix, "upgrade netavark to 1.15.1 or newer");
}

TEST(Defects, AnUnknownVersionIsNotChecked) {
  const Findings findings = judge_defects(defects(), {{"runc", "51d5e94"}, {"other", "1.0"}});
  ASSERT_THAT(findings, SizeIs(1)) << "nothing is known of the other";
  EXPECT_EQ(findings.front().status, FindingStatus::not_checked);
}

TEST(Defects, ComponentsForPeople) {
  EXPECT_EQ(describe({{"runc", "v1.1.12-0-g51d5e94"}, {"pasta", ""}}),
            "pasta of unknown version, runc 1.1.12");
}

TEST(Defects, TheSharedTableIsSound) {
  for (const Defect& defect : oci_runtime_defects()) {
    EXPECT_FALSE(defect.what.empty()) << defect.name;
    for (const Defect::Range& range : defect.ranges) EXPECT_LT(range.from, range.fixed) << defect.name;
  }
  EXPECT_THAT(judge_defects(oci_runtime_defects(), {{"runc", "1.1.5"}}), SizeIs(1));
  EXPECT_THAT(judge_defects(oci_runtime_defects(), {{"runc", "1.4.3"}}), IsEmpty());
}

}  // namespace
}  // namespace drydock::runtime
