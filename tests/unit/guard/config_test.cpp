#include "guard/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/temp_file.hpp"

namespace drydock::guard {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

Json sound() {
  return Json::parse(R"({
    "generation": 7, "listen_port": 3128, "proxy": {"address": "10.231.0.2", "port": 8888},
    "transparent": {"address": "10.231.0.2", "port": 443}, "clients": "10.231.0.0/29",
    "tinyproxy": ["/usr/bin/tinyproxy", "-d"],
    "entries": [{"pattern": "example.com", "source": "hosts:3"}, {"pattern": "*.example.org", "source": "live", "expires": 1700000000}],
    "own_addresses": ["192.168.1.2", "fe80::1"], "public": ["203.0.113.0/24"],
    "allow_private": ["intranet.example"], "canary": "canary-1.drydock.invalid", "session": "0123abcd"})");
}

std::string reason_of(const std::string& text) {
  try {
    parse_config(text);
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

TEST(ConfigTest, ReadsEverything) {
  const Config config = parse_config(sound().dump());
  EXPECT_EQ(config.listen_port, 3128);
  EXPECT_EQ(config.proxy.address.to_string(), "10.231.0.2");
  EXPECT_EQ(config.proxy.port, 8888);
  EXPECT_TRUE(config.clients.contains(*Ip::parse("10.231.0.6")));
  ASSERT_TRUE(config.transparent);
  EXPECT_EQ(config.transparent->port, 443);
  EXPECT_THAT(config.tinyproxy, testing::ElementsAre("/usr/bin/tinyproxy", "-d"));
  EXPECT_EQ(config.rules.generation, 7U);
  ASSERT_NE(config.rules.entries.match("a.example.org"), nullptr);
  EXPECT_EQ(config.rules.entries.match("a.example.org")->source, "live");
  EXPECT_EQ(config.rules.entries.match("a.example.org")->expires, 1'700'000'000);
  EXPECT_EQ(config.rules.entries.match("example.com")->expires, 0);
  EXPECT_EQ(config.rules.session, "0123abcd");
  EXPECT_EQ(config.rules.floor.own.size(), 2U);
  EXPECT_EQ(config.rules.floor.open.size(), 1U);
  EXPECT_TRUE(config.rules.allow_private.contains("intranet.example"));
  EXPECT_EQ(config.rules.canary, "canary-1.drydock.invalid");
}

TEST(ConfigTest, OptionalKeysAreOptional) {
  Json json = sound();
  for (const char* key :
       {"generation", "transparent", "own_addresses", "public", "allow_private", "canary", "session"}) {
    json.erase(key);
    EXPECT_EQ(reason_of(json.dump()), "") << key;
  }
  json["entries"] = Json::array();
  EXPECT_EQ(parse_config(json.dump()).rules.entries.match("example.com"), nullptr)
      << "an empty list denies all";
}

TEST(ConfigTest, TheEndCannotBeMoved) {
  Json json = sound();
  const Config without = parse_config(json.dump());
  EXPECT_EQ(without.ends, 0);
  json["ends"] = 1'700'000'000;
  const Config with = parse_config(json.dump());
  EXPECT_EQ(with.ends, 1'700'000'000);
  EXPECT_TRUE(same_frame(with, with));
  EXPECT_FALSE(same_frame(with, without));
  json["ends"] = 1'700'000'001;
  EXPECT_FALSE(same_frame(with, parse_config(json.dump())));
}

TEST(ConfigTest, RequiredKeysAreRequired) {
  for (const char* key : {"listen_port", "proxy", "clients", "tinyproxy", "entries"}) {
    Json json = sound();
    json.erase(key);
    EXPECT_NE(reason_of(json.dump()), "") << key;
  }
}

TEST(ConfigTest, RefusesWhatItDoesNotUnderstand) {
  const std::vector<std::pair<const char*, Json>> changes{
      {"lisen_port", 1},
      {"listen_port", 65536},
      {"listen_port", -1},
      {"listen_port", "3128"},
      {"generation", 1.5},
      {"transparent", "10.0.0.1:443"},
      {"transparent", {{"address", "host"}, {"port", 443}}},
      {"transparent", {{"address", "10.0.0.1"}}},
      {"transparent", {{"address", "10.0.0.1"}, {"port", 443}, {"x", 1}}},
      {"clients", "10.231.0.1/29"},
      {"clients", {"10.231.0.0/29"}},
      {"tinyproxy", Json::array()},
      {"tinyproxy", {1}},
      {"entries", {{{"pattern", "Example.com"}, {"source", ""}}}},
      {"entries", {{{"pattern", "example.com"}}}},
      {"entries", {{{"pattern", "example.com"}, {"source", ""}, {"port", 1}}}},
      {"entries", {"example.com"}},
      {"entries", "example.com"},
      {"own_addresses", {"10.0.0.0/8"}},
      {"own_addresses", "10.0.0.1"},
      {"public", {"203.0.113.1/24"}},
      {"public", {"203.0.113.1"}},
      {"allow_private", {"*.example.com"}},
      {"allow_private", {"10.0.0.1"}},
      {"canary", ""},
      {"canary", true},
      {"session", 1},
      {"session", "../x"},
      {"session", "0123ABCD"},
      {"entries", {{{"pattern", "example.com"}, {"source", ""}, {"expires", -1}}}},
      {"entries", {{{"pattern", "example.com"}, {"source", ""}, {"expires", 1.5}}}},
      {"entries", {{{"pattern", "example.com"}, {"source", ""}, {"expires", "1h"}}}},
      {"entries", {{{"pattern", "example.com"}, {"source", ""}, {"expires", 253402300800}}}},
      {"ends", -1},
      {"ends", "1h"},
      {"ends", 253402300800},
  };
  for (const auto& [key, value] : changes) {
    Json json = sound();
    json[key] = value;
    EXPECT_NE(reason_of(json.dump()), "") << key << " " << value;
  }
  for (const std::string text : {"", "{", "[]", "null", "{}x", "{\"listen_port\":}"}) {
    EXPECT_NE(reason_of(text), "") << text;
  }
  Json json = sound();
  json["lisen_port"] = 1;
  EXPECT_THAT(reason_of(json.dump()), HasSubstr("lisen_port"));
}

TEST(ConfigTest, ReadsFilesAndNothingElse) {
  const TempDir directory;
  const std::string path = directory.path() + "/guard.json";
  EXPECT_THROW(read_config(path), ConfigError);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW(read_config(path), ConfigError) << "and does not wait for a writer";
  ::unlink(path.c_str());
  std::ofstream(path) << sound().dump();
  EXPECT_EQ(read_config(path).listen_port, 3128);
  std::ofstream(path) << std::string(max_config_size + 1, ' ');
  EXPECT_THROW(read_config(path), ConfigError);
}

TEST(ConfigTest, KnowsWhatMayChangeWhileItRuns) {
  const Config config = parse_config(sound().dump());
  Json json = sound();
  json["entries"] = Json::array();
  json["generation"] = 8;
  EXPECT_TRUE(same_frame(config, parse_config(json.dump())));
  for (const auto& [key, value] : {std::pair<const char*, Json>{"listen_port", 1},
                                   {"clients", "10.0.0.0/8"},
                                   {"tinyproxy", {"/bin/true"}}}) {
    Json other = json;
    other[key] = value;
    EXPECT_FALSE(same_frame(config, parse_config(other.dump()))) << key;
  }
}

}  // namespace
}  // namespace drydock::guard
