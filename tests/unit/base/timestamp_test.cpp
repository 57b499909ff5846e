#include "base/timestamp.hpp"

#include <gtest/gtest.h>

namespace drydock {
namespace {

TEST(Timestamp, IsReadAsRfc3339HasIt) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2024-05-06T07:08:00Z"), 1714979280);
  EXPECT_EQ(parse_rfc3339("2024-05-06T09:08:00+02:00"), 1714979280);
  EXPECT_EQ(parse_rfc3339("2024-05-06T01:38:00-05:30"), 1714979280);
  EXPECT_EQ(parse_rfc3339("2024-05-06T07:08:00.543024339Z"), 1714979280);
  EXPECT_EQ(parse_rfc3339("2024-05-06T09:08:00.5+02:00"), 1714979280);
}

TEST(Timestamp, IsNotReadOutOfNonsense) {
  for (const char* text : {"", "now", "2024-05-06", "2024-05-06T07:08:00", "2024-05-06T07:08:00+0200",
                           "2024-05-06T07:08:00.Z", "2024-05-06T07:08:00Zx", "2024-13-06T07:08:00Z",
                           "2024-05-06T07:08:00+24:00", "2024-05-06T07:08:00+-1:00"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Timestamp, GoesThereAndBack) {
  EXPECT_EQ(to_rfc3339(1714979280), "2024-05-06T07:08:00Z");
  EXPECT_EQ(parse_rfc3339(to_rfc3339(1'800'000'001)), 1'800'000'001);
}

}  // namespace
}  // namespace drydock
