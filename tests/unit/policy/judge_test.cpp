// What drydock tells of a host is what the guard does with it.
#include "policy/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <random>

#include "base/text.hpp"
#include "core/filter.hpp"
#include "core/guard_config.hpp"
#include "core/host_verdict.hpp"
#include "guard/config.hpp"
#include "guard/connect_head.hpp"

namespace drydock::policy {
namespace {

const std::vector<std::string> patterns{"example.com",         "*.wild.example",        ".both.example",
                                        "a.wild.example",      "xn--bcher-kva.example", "a-b.example.org",
                                        "*.deep.both.example", "127.0.0.1.example"};

core::Allowlist make_list() {
  core::Allowlist list;
  int line = 0;
  for (const std::string& pattern : patterns) {
    const auto parsed = core::parse_host_pattern(pattern);
    EXPECT_TRUE(parsed.has_value()) << pattern;
    list.add({*parsed, {"hosts", ++line}});
  }
  return list;
}

// The guard as a session has it: from the file that drydock writes for it.
guard::Rules make_rules(const core::Allowlist& list) {
  core::GuardSettings settings;
  settings.session = "0123abcd";
  settings.address = runtime::Cidr::parse("10.231.0.0/29")->at(2);
  settings.clients = *runtime::Cidr::parse("10.231.0.0/29");
  settings.allowlist = list;
  settings.canary = core::canary_name("0123abcd");
  return guard::parse_config(core::make_guard_config(settings)).rules;
}

// tinyproxy's view of a filter, with the flags that it compiles with.
class Proxy {
 public:
  explicit Proxy(const std::string& filter) {
    for (const std::string& line : split(trim(filter), '\n')) {
      auto& compiled = lines_.emplace_back();
      EXPECT_EQ(::regcomp(&compiled, line.c_str(), REG_EXTENDED | REG_NOSUB | REG_ICASE | REG_NEWLINE), 0);
    }
  }
  ~Proxy() {
    for (regex_t& line : lines_) ::regfree(&line);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  bool admits(const std::string& authority) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const regex_t& line) {
      return ::regexec(&line, authority.c_str(), 0, nullptr, 0) == 0;
    });
  }

 private:
  std::vector<regex_t> lines_;
};

// Names near those of the list: with labels before, after and in them, in other cases, with other ports.
std::string make_authority(std::mt19937& random) {
  const auto any = [&](const std::vector<std::string>& words) {
    return words[std::uniform_int_distribution<std::size_t>(0, words.size() - 1)(random)];
  };
  std::string host = any(patterns);
  if (starts_with(host, "*.") || starts_with(host, ".")) host = host.substr(host.find('.') + 1);
  static const std::vector<std::string> before{"",        "",    "",         "a.",    "a.b.", "deep.",
                                               "x.deep.", ".",   "a_b.",     "-.",    "evil", "evil-",
                                               "u@",      "a..", "1.2.3.4/", "[::1]."};
  static const std::vector<std::string> after{"",           "",  "",  "",    "",  ".",
                                              ".evil.test", "x", "/", "%00", " ", "#"};
  static const std::vector<std::string> ports{":443",     ":443", ":443",       ":443",  ":443",
                                              ":443",     ":80",  "",           ":0443", ":4430",
                                              ":443:443", ":",    ":4294967739"};
  static const std::vector<std::string> addresses{"127.0.0.1", "0x7f.1", "2130706433", "::1", "[::1]",
                                                  "1",         ""};
  if (std::uniform_int_distribution<int>(0, 19)(random) == 0) return any(addresses) + any(ports);
  host = any(before) + host + any(after);
  if (std::uniform_int_distribution<int>(0, 3)(random) == 0) {
    for (char& c : host) {
      if (random() % 2 == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return host + any(ports);
}

TEST(Judge, DrydockAndTheGuardAgreeOnTenThousandHosts) {
  const core::Allowlist list = make_list();
  const guard::Rules rules = make_rules(list);
  const Entries matcher = core::matcher_of(list);
  const Proxy proxy(core::compile_filter(list));
  std::mt19937 random(20260101);
  int allowed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string authority = make_authority(random);
    // What the guard does with a CONNECT, step by step: its parser, then its entries. tinyproxy hears it
    // first.
    guard::ConnectHead head;
    head.feed("CONNECT " + authority + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const guard::Entry* entry = head.state() == guard::ConnectHead::State::done
                                    ? rules.entries.match(head.authority().host)
                                    : nullptr;
    const core::HostVerdict told = core::judge_host(authority, matcher);
    // An authority without a port is a host that a user asks about; the guard would refuse it as it stands.
    if (told.authority != authority) {
      EXPECT_EQ(told.authority, authority + ":443");
      EXPECT_EQ(entry, nullptr) << authority;
      continue;
    }
    ASSERT_EQ(told.allowed, entry != nullptr) << authority << ": " << told.reason;
    ASSERT_EQ(told.allowed, proxy.admits(authority)) << authority << ": " << told.reason;
    if (entry != nullptr) {
      ASSERT_EQ(told.rule, entry->pattern) << authority;
      ASSERT_EQ(told.source, entry->source) << authority;
      ++allowed;
    } else if (head.state() == guard::ConnectHead::State::failed && head.status() == 403) {
      ASSERT_EQ(told.reason, head.reason()) << authority;
    }
  }
  // It would say nothing if all were refused, or none.
  EXPECT_GT(allowed, 500);
  EXPECT_LT(allowed, 5000);
}

TEST(Judge, NamesTheEntryOrTheReason) {
  const Entries matcher = core::matcher_of(make_list());
  const auto told = [&](const std::string& host) { return core::judge_host(host, matcher); };
  EXPECT_TRUE(told("Example.COM").allowed);
  EXPECT_EQ(told("example.com").source, "hosts:1");
  EXPECT_EQ(told("a.wild.example").rule, "*.wild.example");
  EXPECT_EQ(told("b\xc3\xbc"
                 "cher.example")
                .authority,
            "xn--bcher-kva.example:443");
  EXPECT_TRUE(told("b\xc3\xbc"
                   "cher.example")
                  .allowed);
  EXPECT_EQ(told("other.example").reason, "not on the allowlist");
  EXPECT_EQ(told("other.example").hint, "drydock egress allow other.example");
  EXPECT_EQ(told("example.com:80").reason, "only port 443 is allowed");
  EXPECT_EQ(told("example.com:80").hint, "");
  for (const std::string host :
       {"10.0.0.1", "::1", "[::1]:443", "a b", "", "example.com."})
    EXPECT_EQ(told(host).reason, "it is not a host name") << host;
  EXPECT_EQ(told("https://example.com/x").hint, "write example.com");
  EXPECT_EQ(told("https://example.com/x").reason, "it is a URL, not a host");
  EXPECT_FALSE(told("https://example.com:443").allowed);
  // The guard would take it, and no allowlist can name it.
  EXPECT_EQ(told("localhost").reason, "not on the allowlist");
  EXPECT_EQ(told("localhost").hint, "");
}

TEST(Judge, WhatHasEndedIsGone) {
  Entries entries;
  EXPECT_EQ(entries.add({"a.example", "x", 100}), "");
  EXPECT_EQ(entries.add({"b.example", "x", 0}), "");
  EXPECT_EQ(entries.add({"a.example", "y", 200}), "");
  EXPECT_EQ(entries.next_expiry(), 100);
  EXPECT_EQ(entries.without_expired(99).match("a.example")->source, "x");
  EXPECT_EQ(entries.without_expired(100).match("a.example")->source, "y");
  EXPECT_EQ(entries.without_expired(200).match("a.example"), nullptr);
  EXPECT_EQ(entries.without_expired(200).next_expiry(), std::nullopt);
  EXPECT_NE(entries.without_expired(200).match("b.example"), nullptr);
}

}  // namespace
}  // namespace drydock::policy
