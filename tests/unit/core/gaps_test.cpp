#include "core/gaps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>

namespace drydock::core {
namespace {

// The rows of the page: "| (a) | gap | what drydock does | test |".
TEST(Gaps, AreThoseOfThePageOnSecurity) {
  std::ifstream file(DRYDOCK_SECURITY_PAGE);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::regex row(R"(\n\| \(([a-z])\) \| ([^|]*) \| ([^|]*) \|)");
  std::vector<std::string> in_page;
  for (std::sregex_iterator match(page.begin(), page.end(), row), end; match != end; ++match) {
    const std::string what = std::regex_replace((*match)[2].str(), std::regex("[*`]|\\.$"), "");
    const bool closed = std::regex_search((*match)[3].str(), std::regex("^(Closed|Refused)"));
    in_page.push_back((*match)[1].str() + " " + what + (closed ? " closed" : " open"));
  }
  std::vector<std::string> in_table;
  for (const Gap& gap : gaps())
    in_table.push_back(std::string(1, gap.letter) + " " + std::string(gap.what) +
                       (gap.closed() ? " closed" : " open"));
  EXPECT_THAT(in_page, testing::ElementsAreArray(in_table));
  EXPECT_GE(in_table.size(), 14U);
}

TEST(Gaps, ASessionHasThoseOfItsKind) {
  EXPECT_EQ(open_gaps({true, true, true, true}), "(f) no jail at all");
  EXPECT_EQ(open_gaps({}), "(d) a compromised sidecar");
  EXPECT_THAT(open_gaps({false, true, false, false}),
              testing::MatchesRegex("\\(a\\) .*, \\(b\\) .*, \\(d\\) .*"));
  EXPECT_THAT(open_gaps({false, true, true, false}),
              testing::AllOf(testing::HasSubstr(", (e) "), testing::HasSubstr(", (j) ")));
  EXPECT_THAT(open_gaps({.engine_of_root = true}), testing::HasSubstr(", (k) "));
  EXPECT_THAT(open_gaps({.engine_of_root = false}), testing::Not(testing::HasSubstr("(k)")));
  EXPECT_THAT(open_gaps({false, true, false, true}), testing::HasSubstr(", (n) "));
}

TEST(Gaps, OneThatIsOpenIsSaidInAFewWords) {
  for (const Gap& gap : gaps()) {
    EXPECT_EQ(gap.brief.empty(), gap.closed()) << gap.letter;
    EXPECT_LE(gap.brief.size(), 70U) << gap.letter;
    EXPECT_EQ(to_string(gap.open) == "no session", gap.closed()) << gap.letter;
  }
}

}  // namespace
}  // namespace drydock::core
