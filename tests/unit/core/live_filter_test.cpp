#include "core/live_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "core/guard_config.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using What = EntryChange::What;

std::vector<Entry> entries_of(const std::vector<std::string>& hosts) {
  std::vector<Entry> all;
  for (const std::string& host : hosts) {
    for (const Entry& entry : parse_allowlist_entry(host, "HOST")) all.push_back(entry);
  }
  return all;
}

std::string sound() {
  GuardSettings settings;
  settings.session = "0123abcd";
  settings.generation = 4;
  settings.address = runtime::Cidr::parse("10.231.0.0/29")->at(2);
  settings.clients = *runtime::Cidr::parse("10.231.0.0/29");
  for (const Entry& entry : parse_allowlist_text("example.com\n\n*.example.org\n", "/home/me/hosts"))
    settings.allowlist.add(entry);
  for (const Entry& entry : parse_allowlist_entry("option.example", "--allow")) settings.allowlist.add(entry);
  settings.canary = canary_name("0123abcd");
  settings.allow_private = {"example.com"};
  return make_guard_config(settings);
}

std::vector<std::string> hosts(const LiveFilter& filter) {
  std::vector<std::string> all;
  for (const LiveEntry& entry : filter.entries()) all.push_back(entry.pattern.to_string());
  return all;
}

std::string reason_of(const std::function<void()>& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_FALSE(error.hint().empty()) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

TEST(LiveFilterTest, KeepsWhatItDoesNotChange) {
  LiveFilter filter(sound());
  EXPECT_EQ(filter.generation(), 4U);
  EXPECT_THAT(hosts(filter), ElementsAre("example.com", "*.example.org", "option.example"));
  const auto changes = filter.allow(entries_of({"new.example"}), 0);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].what, What::added);
  EXPECT_EQ(changes[0].source, "live");
  const Json before = Json::parse(sound());
  Json after = Json::parse(filter.guard_json(5));
  EXPECT_EQ(after["generation"], 5);
  EXPECT_EQ(after["entries"].size(), 4U);
  EXPECT_EQ(after["entries"][3], Json({{"pattern", "new.example"}, {"source", "live"}}));
  after["generation"] = before["generation"];
  after["entries"] = before["entries"];
  EXPECT_EQ(after, before);
}

// What the guard would be told and what tinyproxy would be told are the same list.
TEST(LiveFilterTest, ItsTwoFilesSayTheSame) {
  LiveFilter filter(sound());
  filter.allow(entries_of({"*.new.example", "@pypi"}), 1'700'000'000);
  EXPECT_EQ(guard_config_fault(filter.guard_json(5), runtime::Cidr::parse("10.231.0.0/29")->at(2),
                               *runtime::Cidr::parse("10.231.0.0/29"), filter.filter_text()),
            "");
  EXPECT_THAT(filter.filter_text(), HasSubstr("^canary-0123abcd\\.drydock\\.invalid:443$\n"));
  EXPECT_THAT(filter.filter_text(), HasSubstr("^([a-z0-9-]+\\.)+new\\.example:443$\n"));
  EXPECT_EQ(LiveFilter(filter.guard_json(5)).guard_json(6), filter.guard_json(6)) << "a round trip";
}

TEST(LiveFilterTest, TellsWhatIsThereAndGivesTheLaterEnd) {
  LiveFilter filter(sound());
  const auto what = [&](const std::string& host, std::int64_t expires) {
    return filter.allow(entries_of({host}), expires).front();
  };
  EXPECT_EQ(what("example.com", 0).what, What::present);
  EXPECT_EQ(what("example.com", 100).source, "/home/me/hosts:1");
  EXPECT_EQ(what("a.example", 100).what, What::added);
  EXPECT_EQ(what("a.example", 50).what, What::present);
  EXPECT_EQ(what("a.example", 200).what, What::extended);
  EXPECT_EQ(what("a.example", 200).what, What::present);
  EXPECT_EQ(what("a.example", 0).what, What::extended);
  EXPECT_EQ(what("a.example", 300).what, What::present);
  EXPECT_EQ(filter.entries().back().expires, 0) << "what has no end is not given one";
  EXPECT_EQ(filter.allow(entries_of({"b.example", "b.example"}), 0).back().what, What::present);
}

TEST(LiveFilterTest, WhatHasEndedIsLeftOut) {
  LiveFilter filter(sound());
  filter.allow(entries_of({"a.example"}), 100);
  filter.allow(entries_of({"b.example"}), 200);
  filter.drop_expired(99);
  EXPECT_THAT(hosts(filter),
              ElementsAre("example.com", "*.example.org", "option.example", "a.example", "b.example"));
  filter.drop_expired(100);
  EXPECT_THAT(hosts(filter), ElementsAre("example.com", "*.example.org", "option.example", "b.example"));
  EXPECT_EQ(filter.matcher().match("a.example"), nullptr);
  EXPECT_EQ(filter.matcher().match("b.example")->expires, 200);
}

TEST(LiveFilterTest, OnlyLiveAdditionsAreTakenBack) {
  LiveFilter filter(sound());
  filter.allow(entries_of({"a.example", "x.example.org", "*.example.net"}), 0);
  const std::vector<std::string> before = hosts(filter);
  EXPECT_THAT(
      reason_of(
          [&] {
            filter.revoke(entries_of({"a.example", "example.com"}));
          },
          ErrorKind::refused),
      HasSubstr("cannot revoke host 'example.com': it was allowed from the start, by /home/me/hosts:1"));
  EXPECT_THAT(reason_of([&] { filter.revoke(entries_of({"option.example"})); }, ErrorKind::refused),
              HasSubstr("by --allow,"));
  EXPECT_THAT(reason_of(
                  [&] {
                    filter.revoke(entries_of({"a.example", "b.example"}));
                  },
                  ErrorKind::not_found),
              HasSubstr("cannot revoke host 'b.example': it is not on the session's allowlist"));
  // A name that a pattern admits is not that pattern.
  reason_of([&] { filter.revoke(entries_of({"x.example.net"})); }, ErrorKind::not_found);
  EXPECT_EQ(hosts(filter), before) << "one that is wrong changes nothing";

  const auto changes =
      filter.revoke(entries_of({"a.example", "x.example.org", "*.example.net", "a.example"}));
  EXPECT_THAT(hosts(filter), ElementsAre("example.com", "*.example.org", "option.example"));
  EXPECT_EQ(changes[0].still, "");
  EXPECT_EQ(changes[1].still, "*.example.org (/home/me/hosts:3)");
}

TEST(LiveFilterTest, OfAGroupWhatWasAddedIsTakenBack) {
  LiveFilter filter(sound());
  filter.allow(entries_of({"example.com", "a.example", "b.example", "x.example.org"}), 0);
  const NamedEntries group{"@mine", entries_of({"example.com", "a.example", "gone.example", "b.example"})};
  const auto changes =
      filter.revoke(std::vector{group, NamedEntries{"x.example.org", entries_of({"x.example.org"})}});
  EXPECT_THAT(hosts(filter), ElementsAre("example.com", "*.example.org", "option.example"));
  std::vector<std::string> told;
  for (const EntryChange& change : changes)
    told.push_back((change.what == EntryChange::What::revoked ? "revoked " : "present ") + change.line);
  EXPECT_THAT(told, ElementsAre("revoked a.example", "revoked b.example", "revoked x.example.org",
                                "present example.com"));
  EXPECT_THAT(reason_of([&] { filter.revoke(std::vector{group}); }, ErrorKind::not_found),
              HasSubstr("cannot revoke group '@mine': the session was given no host of it while it lived"));
  EXPECT_THAT(hosts(filter), ElementsAre("example.com", "*.example.org", "option.example"));
}

TEST(LiveFilterTest, RefusesWhatIsNoGuardsFile) {
  for (const std::string text :
       {"", "[]", "{}", R"({"generation":1,"canary":"c.test"})", R"({"generation":1,"entries":[]})",
        R"({"generation":-1,"canary":"c.test","entries":[]})",
        R"({"generation":1,"canary":"c.test","entries":[{"pattern":"**","source":"x"}]})",
        R"({"generation":1,"canary":"c.test","entries":[{"pattern":"a.test"}]})"}) {
    EXPECT_THROW(LiveFilter{text}, Error) << text;
  }
  EXPECT_NO_THROW(LiveFilter{R"({"generation":1,"canary":"c.test","entries":[]})"});
}

TEST(SourceText, IsReadAsItIsWritten) {
  for (const Source& source : {Source{"/a/b", 3}, Source{"--allow", 0}, Source{"baseline (claude)", 0},
                               Source{"/odd:name", 12}, Source{"live", 0}}) {
    EXPECT_EQ(parse_source(source.to_string()).name, source.name);
    EXPECT_EQ(parse_source(source.to_string()).line, source.line);
  }
  for (const std::string text : {"a:", "a:0", "a:-1", "a:1x", "a:99999999999999", ":"})
    EXPECT_EQ(parse_source(text).name, text);
}

}  // namespace
}  // namespace drydock::core
