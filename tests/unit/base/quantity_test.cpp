#include "base/quantity.hpp"

#include <gtest/gtest.h>

namespace drydock {
namespace {

TEST(ParseDuration, TakesWhatPeopleWrite) {
  for (const auto& [text, seconds] : {std::pair{"90", 90}, std::pair{"90s", 90}, std::pair{"10m", 600},
                                      std::pair{"2h", 7200}, std::pair{"1d", 86400}, std::pair{"1h30m", 5400},
                                      std::pair{"1d1h1m1s", 90061}, std::pair{"0h5m", 300}}) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(duration->count(), seconds) << text;
  }
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "s", "-1", "+1", "1.5h", "1x", "0", "0s", "30m1h", "1m1m", "1h30", " 1s",
                           "1s ", "1 s", "99999999999999999999", "367d", "99999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace drydock
