#include "core/toml_texts.hpp"

#include <gtest/gtest.h>

#include <string>

namespace drydock::core {
namespace {

std::string dump(std::string_view text) {
  const auto read = read_toml_texts(text);
  return read ? read->dump() : "none";
}

TEST(TomlTexts, AreFoundInTables) {
  EXPECT_EQ(dump(""), "{}");
  EXPECT_EQ(dump("a = \"x\" # said\r\n[t]\nb.c = 'y\\'\n\n[t.'d.e']\n\"f\" = \"z\"\n"),
            R"({"a":"x","t":{"b":{"c":"y\\"},"d.e":{"f":"z"}}})");
  EXPECT_EQ(dump("t = { a = \"x\", b = { c = 'y' }, n = 1 }"), R"({"t":{"a":"x","b":{"c":"y"}}})");
  EXPECT_EQ(dump("a = \"q \\\" b \\\\ u \\u0041\""), R"({"a":"q \" b \\ u ?0041"})");
  EXPECT_EQ(dump("a = \"\"\"\none\ntwo \\\n   three\"\"\"\nb = '''\n[no]\nc = 'd'\n'''\n"),
            R"({"a":"one\ntwo three","b":"[no]\nc = 'd'\n"})");
}

TEST(TomlTexts, WhatIsNoTextIsLeftOut) {
  EXPECT_EQ(dump("n = 1\nf = 1.5e3\nb = true\nd = 1979-05-27 07:32:00Z # a day\n"
                 "l = [ 1, \"]\", # not the end ]\n  [ 'x' ], { a = 'b' } ]\nt = \"x\"\n"),
            R"({"t":"x"})");
  EXPECT_EQ(dump("[[list]]\na = \"x\"\n[t]\nb = \"y\"\n"), R"({"t":{"b":"y"}})");
  EXPECT_EQ(dump("a = \"x\"\n[a.b]\nc = \"y\"\n"), R"({"a":"x"})") << "what is there stays";
}

TEST(TomlTexts, WhatIsNoTomlIsNone) {
  for (const char* text : {"a", "a =", "= 1", "[t", "[t]]x", "a = \"x", "a = 'x\n'", "a = \"x\" b = 1", "[]",
                           "a = [1", "a = {b = 1", "a = {b}", "{\"a\": 1}", "a = \"\xff\"", "a = \"\\"})
    EXPECT_EQ(dump(text), "none") << text;
  EXPECT_EQ(dump("a = " + std::string(100000, '[')), "none");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{a=";
  EXPECT_EQ(dump("a = " + deep), "none");
  const std::string sound = "a = \"x\"\n[t]\nb = { c = ['''y''', 1], d = \"\"\"z\"\"\" }\n";
  EXPECT_EQ(dump(sound), R"({"a":"x","t":{"b":{"d":"z"}}})");
  for (std::size_t i = 0; i < sound.size(); ++i) read_toml_texts(sound.substr(0, i));
}

}  // namespace
}  // namespace drydock::core
