#include "policy/entries.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/host_pattern.hpp"

namespace drydock::policy {
namespace {

Entries make(const std::vector<std::string>& patterns) {
  Entries entries;
  for (const std::string& pattern : patterns) EXPECT_EQ(entries.add({pattern, "test"}), "") << pattern;
  return entries;
}

std::string rule(const Entries& entries, const std::string& host) {
  const Entry* entry = entries.match(host);
  return entry == nullptr ? "" : entry->pattern;
}

TEST(EntriesTest, MatchesTheThreeKinds) {
  const Entries entries = make({"one.example", "*.two.example", ".three.example"});
  EXPECT_EQ(rule(entries, "one.example"), "one.example");
  EXPECT_EQ(rule(entries, "ONE.example"), "one.example");
  EXPECT_EQ(rule(entries, "a.one.example"), "");
  EXPECT_EQ(rule(entries, "two.example"), "");
  EXPECT_EQ(rule(entries, "a.two.example"), "*.two.example");
  EXPECT_EQ(rule(entries, "a.b.two.example"), "*.two.example");
  EXPECT_EQ(rule(entries, "three.example"), ".three.example");
  EXPECT_EQ(rule(entries, "a.three.example"), ".three.example");
  for (const std::string host :
       {"", ".", "xone.example", "one.example.", ".one.example", "one.examples", "a..two.example",
        ".two.example", "x/y.two.example", "127.0.0.1/.two.example", "a@b.two.example", "twoxexample",
        "a_b.two.example"}) {
    EXPECT_EQ(rule(entries, host), "") << host;
  }
}

TEST(EntriesTest, NamesTheFirstOfSeveral) {
  EXPECT_EQ(rule(make({"*.example.com", "a.example.com"}), "a.example.com"), "*.example.com");
  EXPECT_EQ(rule(make({"a.example.com", "*.example.com"}), "a.example.com"), "a.example.com");
  EXPECT_EQ(rule(make({"*.b.example.com", ".example.com"}), "a.b.example.com"), "*.b.example.com");
}

TEST(EntriesTest, TheEntryOfACaptureAdmitsEveryNameBehindAllOthers) {
  const Entries all = make({any_host, "a.example.com"});
  for (const std::string host : {"b.example.com", "x.y", "B.Example.COM", "xn--a.test", "a-b.c1"})
    EXPECT_EQ(rule(all, host), any_host) << host;
  EXPECT_EQ(rule(all, "a.example.com"), "a.example.com");
  for (const std::string host : {"", "localhost", "10.0.0.1", "2130706433", "0x7f.1", "1.2.3.0x4", "a..b",
                                 "a.b.", ".a.b", "a_b.test/", "u@a.test", "[::1]", "a.test:443", "::1"})
    EXPECT_EQ(rule(all, host), "") << host;
}

TEST(EntriesTest, TakesCanonicalEntriesOnly) {
  for (const std::string pattern :
       {"", "**", "*.", ".", "Example.com", "example.com.", "example.com:443", "^x$", "a*.com", "10.0.0.1",
        "*.*.com", "..com", "exa mple.com", "http://x.com"}) {
    EXPECT_NE(Entries().add({pattern, ""}), "") << pattern;
  }
}

// Labels and hosts that collide often.
rc::Gen<std::string> any_label() {
  return rc::gen::element<std::string>("a", "b", "a-b", "B", "", "a_b", "a/b", "x@y", "-", "1");
}

rc::Gen<std::string> any_host() {
  const auto labels = rc::gen::resize(5, rc::gen::container<std::vector<std::string>>(any_label()));
  return rc::gen::map(labels, [](const std::vector<std::string>& parts) {
    std::string host;
    for (const std::string& part : parts) host += (host.empty() ? "" : ".") + part;
    return host + ".example.com";
  });
}

rc::Gen<std::string> canonical_entry() {
  const auto label = rc::gen::element<std::string>("a", "b", "a-b", "c");
  const auto labels = rc::gen::resize(3, rc::gen::container<std::vector<std::string>>(label));
  return rc::gen::map(rc::gen::pair(rc::gen::element<std::string>("", "*.", "."), labels),
                      [](const auto& parts) {
                        std::string entry = parts.first;
                        for (const std::string& part : parts.second) entry += part + ".";
                        return entry + "example.com";
                      });
}

RC_GTEST_PROP(EntriesTest, AgreesWithTheAllowlistOfDrydock, ()) {
  const std::string entry = *canonical_entry();
  const auto pattern = core::parse_host_pattern(entry);
  RC_ASSERT(pattern.has_value());
  RC_ASSERT(pattern->to_string() == entry);
  Entries entries;
  RC_ASSERT(entries.add({entry, ""}).empty());
  // Half of the hosts are made from the entry, so that matches are frequent.
  std::string host = *any_host();
  if (*rc::gen::arbitrary<bool>()) host = *any_label() + "." + pattern->host;
  if (*rc::gen::inRange(0, 8) == 0) host = pattern->host;
  RC_CLASSIFY(pattern->matches(host));
  RC_ASSERT(pattern->matches(host) == (entries.match(host) != nullptr));
}

RC_GTEST_PROP(EntriesTest, AgreesOnArbitraryText, (const std::string& host)) {
  const auto pattern = core::parse_host_pattern(".example.com");
  const Entries entries = make({".example.com"});
  const std::string below = host + ".example.com";
  RC_ASSERT(pattern->matches(host) == (entries.match(host) != nullptr));
  RC_ASSERT(pattern->matches(below) == (entries.match(below) != nullptr));
}

}  // namespace
}  // namespace drydock::policy
