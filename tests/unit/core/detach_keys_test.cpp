#include "core/detach_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

// What a search from each position would say: the bytes in front of the first occurrence, and whether there
// is one.
std::pair<std::string, bool> naive(std::string_view sequence, std::string_view typed) {
  const auto at = typed.find(sequence);
  if (at != std::string_view::npos) return {std::string(typed.substr(0, at)), true};
  return {std::string(typed), false};
}

TEST(DetachKeys, AreReadAsTheyAreWritten) {
  DetachKeys keys = DetachKeys::parse("ctrl-],ctrl-]");
  EXPECT_EQ(keys.filter("\x1d\x1d"), "");
  EXPECT_TRUE(keys.detached());
  DetachKeys mixed = DetachKeys::parse("ctrl-@,q,ctrl-_,ctrl-a");
  EXPECT_EQ(mixed.filter(std::string_view("x\0q\x1f\x01y", 6)), "x");
  EXPECT_TRUE(mixed.detached());
}

TEST(DetachKeys, NoneMeansNone) {
  DetachKeys keys = DetachKeys::parse("");
  EXPECT_EQ(keys.filter("\x1d\x1d\x10\x11"), "\x1d\x1d\x10\x11");
  EXPECT_FALSE(keys.detached());
}

TEST(DetachKeys, NonsenseIsRefused) {
  for (const char* text :
       {"ctrl-", "ctrl-1", "ctrl-ab", "ctrl-A", ",", "a,", "alt-x", "ab", "ctrl-],,", "ctrl-\xc3"}) {
    try {
      DetachKeys::parse(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), HasSubstr("cannot use detach keys '"));
    }
  }
}

TEST(DetachKeys, ASequenceMayBeSplitOverReads) {
  DetachKeys keys = DetachKeys::parse("ctrl-],ctrl-]");
  EXPECT_EQ(keys.filter("ls\n\x1d"), "ls\n");
  EXPECT_FALSE(keys.detached());
  EXPECT_EQ(keys.filter("\x1d"
                        "more"),
            "");
  EXPECT_TRUE(keys.detached());
  EXPECT_EQ(keys.filter("nothing passes any more"), "");
}

TEST(DetachKeys, AFalseStartGoesOnWithWhatFollows) {
  DetachKeys keys = DetachKeys::parse("ctrl-],ctrl-]");
  EXPECT_EQ(keys.filter("\x1d"), "");
  EXPECT_EQ(keys.filter("a"),
            "\x1d"
            "a");
  EXPECT_EQ(keys.filter("\x1d"
                        "b\x1d"),
            "\x1d"
            "b");
  EXPECT_FALSE(keys.detached());
  EXPECT_EQ(keys.filter("\x1d"), "");
  EXPECT_TRUE(keys.detached());
}

TEST(DetachKeys, AFalseStartMayHoldTheBeginningOfATrueOne) {
  DetachKeys keys = DetachKeys::parse("a,a,b");
  EXPECT_EQ(keys.filter("aaaab"), "aa");
  EXPECT_TRUE(keys.detached());
  // After six right keys and a wrong one the last three still count.
  DetachKeys nested = DetachKeys::parse("a,a,b,a,a,a,c");
  EXPECT_EQ(nested.filter("aabaaabaaac"), "aaba");
  EXPECT_TRUE(nested.detached());
}

TEST(DetachKeys, NothingIsLostOrAdded) {
  // Every sequence up to five keys of an alphabet of two, every input up to nine bytes, whole and byte by
  // byte.
  for (unsigned length = 1; length <= 5; ++length) {
    for (unsigned pattern = 0; pattern < 1U << length; ++pattern) {
      std::string sequence;
      std::string written;
      for (unsigned i = 0; i < length; ++i) {
        const char key = ((pattern >> i) & 1U) != 0 ? 'b' : 'a';
        sequence += key;
        written += written.empty() ? std::string(1, key) : std::string(",") + key;
      }
      for (unsigned input = 0; input < 1U << 9; ++input) {
        std::string typed;
        for (unsigned i = 0; i < 9; ++i) typed += ((input >> i) & 1U) != 0 ? 'b' : 'a';
        // A last byte that is in no sequence brings out what is held back.
        typed += '.';
        DetachKeys whole = DetachKeys::parse(written);
        DetachKeys split = DetachKeys::parse(written);
        const std::string passed = whole.filter(typed);
        std::string pieces;
        for (const char c : typed) pieces += split.filter(std::string_view(&c, 1));
        const auto [want, detached] = naive(sequence, typed);
        ASSERT_EQ(passed, want) << written << " in " << typed;
        ASSERT_EQ(whole.detached(), detached) << written << " in " << typed;
        ASSERT_EQ(pieces, want) << written << " in " << typed;
        ASSERT_EQ(split.detached(), detached) << written << " in " << typed;
      }
    }
  }
}

}  // namespace
}  // namespace drydock::core
