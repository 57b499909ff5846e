#include "core/terminal.hpp"

#include <gtest/gtest.h>

#include "environment.hpp"

namespace drydock::core {
namespace {

TEST(TerminalTest, AScreenIsDrawnOnlyWhereTermNamesOne) {
  test::Environment environment;
  for (const char* name : {"xterm", "xterm-256color", "linux", "vt100", "dumber"}) {
    environment.set("TERM", name);
    EXPECT_TRUE(has_screen()) << name;
  }
  for (const char* name : {"", "dumb"}) {
    environment.set("TERM", name);
    EXPECT_FALSE(has_screen()) << name;
  }
  environment.set("TERM", std::nullopt);
  EXPECT_FALSE(has_screen());
}

}  // namespace
}  // namespace drydock::core
