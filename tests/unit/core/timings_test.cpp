#include "core/timings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drydock::core {
namespace {

TEST(TimingsTest, AStepEndsTheOneBeforeAndOneThatComesAgainIsAdded) {
  Timings timings;
  timings.end();
  EXPECT_TRUE(timings.steps().empty()) << "nothing was begun";
  timings.begin("plan");
  timings.begin("make");
  timings.begin("plan");
  EXPECT_EQ(timings.steps().size(), 2U) << "the third goes on";
  timings.end();
  ASSERT_EQ(timings.steps().size(), 2U);
  EXPECT_EQ(timings.steps()[0].name, "plan");
  EXPECT_EQ(timings.steps()[1].name, "make");
  EXPECT_THAT(timings.to_text(),
              testing::MatchesRegex(" +[0-9]+\\.[0-9]{3} s  plan\n +[0-9.]+ s  make\n +[0-9.]+ s  in all\n"));
}

}  // namespace
}  // namespace drydock::core
