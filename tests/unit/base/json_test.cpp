#include "base/json.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace drydock {
namespace {

TEST(Json, ReadsMembersAndTakesNullForAbsent) {
  const Json json = parse_json(R"({"a":"x","n":null,"deep":{"b":[1,"two",null]}})", "a test");
  EXPECT_EQ(require_string(json, "a"), "x");
  EXPECT_EQ(string_or(json, "n", "none"), "none");
  EXPECT_EQ(find_member(json, "n"), nullptr);
  ASSERT_NE(find_path(json, {"deep", "b"}), nullptr);
  EXPECT_EQ(strings_or_empty(*find_path(json, {"deep"}), "b"), std::vector<std::string>{"two"});
}

TEST(Json, NamesTheKeyThatIsMissingOrWrong) {
  const Json json = parse_json(R"({"a":1})", "a test");
  try {
    require_string(json, "a");
    FAIL() << "a number was taken for a string";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::protocol);
    EXPECT_NE(std::string(error.what()).find("'a'"), std::string::npos);
  }
}

TEST(Json, RefusesGarbageAndDeepNesting) {
  EXPECT_THROW(parse_json("{\"a\":", "a test"), Error);
  EXPECT_THROW(parse_json(std::string(200000, '['), "a test"), Error);
  const std::string brackets_in_string = "\"" + std::string(1000, '[') + "\"";
  EXPECT_NO_THROW(parse_json(brackets_in_string, "a test"));
}

TEST(Json, SaysWhereTextIsNone) {
  const auto where = [](std::string_view text) -> std::string {
    try {
      parse_json(text, "a test");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::protocol);
      const std::string beginning = "cannot read a test: not valid JSON";
      EXPECT_EQ(std::string(error.what()).substr(0, beginning.size()), beginning);
      return std::string(error.what()).substr(beginning.size());
    }
    return "taken";
  };
  EXPECT_EQ(where(""), " in line 1, column 1");
  EXPECT_EQ(where("{\"a\":1,}"), " in line 1, column 8");
  EXPECT_EQ(where("{\n  \"a\": 1\n  \"b\": 2\n}"), " in line 3, column 5") << "where the text \"b\" ends";
  EXPECT_EQ(where("{\n\"a\": \"unfinished\n}"), " in line 2, column 17") << "the end of the line is in it";
  EXPECT_EQ(where("{}\n\n]"), " in line 3, column 1");
  EXPECT_EQ(where("[1e999]"), "") << "no number that there is";
}

TEST(Json, NumbersAreClampedNotWrapped) {
  const Json json = parse_json(R"({"big":18446744073709551615,"real":1.5,"wild":1e300})", "a test");
  EXPECT_EQ(int_or(json, "big", 0), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(int_or(json, "real", 0), 1);
  EXPECT_THROW(int_or(json, "wild", 0), Error);
}

}  // namespace
}  // namespace drydock
