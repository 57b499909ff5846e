#include "runtime/stream/lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace drydock::runtime::stream {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LinesTest : public testing::Test {
 protected:
  void feed(std::string_view bytes) { lines_.feed(bytes, keep_); }
  void finish() { lines_.finish(keep_); }

  std::vector<std::string> got_;
  Lines::Sink keep_ = [this](std::string_view line) { got_.emplace_back(line); };
  Lines lines_{8};
};

TEST_F(LinesTest, GivesTheSameForEveryCut) {
  const std::string text = "one\r\n\ntwo\nx\ry\n\r\n123456789ab\nlast";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    got_.clear();
    lines_ = Lines(8);
    feed(text.substr(0, cut));
    feed(text.substr(cut));
    finish();
    ASSERT_THAT(got_, ElementsAre("one", "", "two", "x\ry", "", "12345678", "last")) << "cut at " << cut;
  }
}

TEST_F(LinesTest, KeepsALineUntilItsEndComes) {
  feed("ab");
  feed("cd");
  EXPECT_THAT(got_, IsEmpty());
  feed("\n");
  EXPECT_THAT(got_, ElementsAre("abcd"));
}

TEST_F(LinesTest, HandsOnNothingAtTheEndAfterAWholeLine) {
  feed("ab\n");
  finish();
  finish();
  EXPECT_THAT(got_, ElementsAre("ab"));
}

TEST_F(LinesTest, CutsALineOverTheLimitAndDropsItsRest) {
  feed("12345678\n");
  feed("abcdefgh\r\n");
  feed("ABCDEFGHI");
  feed("JKL");
  feed("MNO\nnext\n");
  EXPECT_THAT(got_, ElementsAre("12345678", "abcdefgh", "ABCDEFGH", "next"));
}

TEST_F(LinesTest, CutsALastLineWithoutEndToo) {
  feed("123456789");
  finish();
  EXPECT_THAT(got_, ElementsAre("12345678"));
}

TEST(Lines, AllowsSixtyFourKibibytes) {
  Lines lines;
  std::vector<std::size_t> sizes;
  const Lines::Sink sink = [&](std::string_view line) { sizes.push_back(line.size()); };
  lines.feed(std::string(65536, 'x') + "\n" + std::string(65537, 'x') + "\n", sink);
  EXPECT_THAT(sizes, ElementsAre(65536U, 65536U));
}

}  // namespace
}  // namespace drydock::runtime::stream
