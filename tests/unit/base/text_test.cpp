#include "base/text.hpp"

#include <gtest/gtest.h>

namespace drydock {
namespace {

TEST(Text, NearestFindsTyposAndNothingElse) {
  const std::vector<std::string> words{"run", "list", "stop", "version"};
  EXPECT_EQ(nearest("lits", words), "list");
  EXPECT_EQ(nearest("rnu", words), "run");
  EXPECT_EQ(nearest("xyz", words), "");
  EXPECT_EQ(nearest("verison", words), "version");
  EXPECT_EQ(nearest("frobnicate", words), "");
}

TEST(Text, PrintableKeepsTheTerminalSafe) {
  EXPECT_EQ(printable("a\x1b[31mb\x7f\n"), "a?[31mb?");
  EXPECT_EQ(printable("a\nb\tc\r\nd "), "a b c  d ");
  EXPECT_EQ(printable("C1 \u009b31m, bidi \u202e, \xff, \u00e4"), "C1 ?31m, bidi ?, ?, \u00e4");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(Text, UrlEncodeLeavesUnreservedOnly) { EXPECT_EQ(url_encode("a/b c~{}"), "a%2Fb%20c~%7B%7D"); }

TEST(Text, TrimAndSplit) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
}

}  // namespace
}  // namespace drydock
