// What drydock tells of a host is what the guard does with it.
#include "policy/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <filesystem>
#include <random>

#include "base/text.hpp"
#include "core/entry_hint.hpp"
#include "core/filter.hpp"
#include "core/guard_config.hpp"
#include "core/host_verdict.hpp"
#include "guard/config.hpp"
#include "guard/connect_head.hpp"
#include "policy/host_name.hpp"

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
  int compared = 0;
  for (int i = 0; compared < 10'000 && i < 20'000; ++i) {
    const std::string authority = make_authority(random);
    // What the guard does with a CONNECT, step by step: its parser, then its entries. tinyproxy hears it
    // first.
    guard::ConnectHead head;
    head.feed("CONNECT " + authority + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const guard::Entry* entry = head.state() == guard::ConnectHead::State::done
                                    ? rules.entries.match(head.authority().host)
                                    : nullptr;
    const core::HostVerdict told = core::judge_host(authority, matcher, {}, {});
    // An authority without a port is a host that a user asks about; the guard would refuse it as it stands.
    if (told.authority != authority) {
      EXPECT_EQ(told.authority, authority + ":443");
      EXPECT_EQ(entry, nullptr) << authority;
      continue;
    }
    ++compared;
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
  EXPECT_EQ(compared, 10'000);
  // It would say nothing if all were refused, or none.
  EXPECT_GT(allowed, 500);
  EXPECT_LT(allowed, 5000);
}

// An entry as somebody may write it, and what it means.
struct Written {
  std::string text;
  std::string prefix;  // "", "." or "*."
  std::string name;    // as DNS has it
};

class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}

  Written entry() {
    Written written;
    written.prefix = any({"", ".", "*."});
    std::string spelled;
    for (std::size_t count = pick(3); count > 0; --count) {
      const std::size_t label = pick(labels_.size());
      written.name += labels_[label].first + ".";
      spelled += labels_[label].second + ".";
    }
    const std::string end = any({"example.com", "example.org", "a-b.example.net"});
    written.name += end;
    written.text = any({"", " ", "\t"}) + written.prefix + in_some_case(spelled + end) +
                   any({"", ".", ":443"}) + any({"", " ", " # why", "\r"}) + "\n";
    return written;
  }
  // One that has something to do with `name`.
  std::string authority(const std::string& name) {
    std::string host =
        any({name, "a." + name, "a-1.b." + name, "x" + name, "." + name, "a..b." + name, "a_b." + name,
             name + ".evil.test", "evil.test." + name + ".evil.test", name.substr(name.find('.') + 1),
             name + ".", "evil.test/." + name, "u@" + name, "a." + any({"example.com", "example.org"})});
    return in_some_case(host) +
           any({":443", ":443", ":443", ":443", ":80", "", ":4430", ":0443", ":443:443"});
  }

 private:
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }
  std::string any(const std::vector<std::string>& words) { return words[pick(words.size())]; }
  std::string in_some_case(std::string text) {
    if (pick(3) != 0) return text;
    for (char& c : text) {
      if (c >= 'a' && c <= 'z' && pick(2) == 0) c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  const std::vector<std::pair<std::string, std::string>> labels_{{"a", "a"},
                                                                 {"x9", "x9"},
                                                                 {"r3", "r3"},
                                                                 {"xn--bcher-kva",
                                                                  "b\xc3\xbc"
                                                                  "cher"},
                                                                 {"api", "api"},
                                                                 {"xn--bcher-kva", "xn--bcher-kva"}};
  std::mt19937 random_;
};

// Label by label, as it is explained to people.
bool is_meant(const Written& entry, std::string authority) {
  authority = to_lower_ascii(authority);
  if (!ends_with(authority, ":443")) return false;
  const std::string host = authority.substr(0, authority.size() - 4);
  if (host == entry.name) return entry.prefix != "*.";
  if (entry.prefix.empty() || !ends_with(host, "." + entry.name)) return false;
  for (const std::string& label : split(host.substr(0, host.size() - entry.name.size() - 1), '.')) {
    if (label.empty() ||
        label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      return false;
  }
  return true;
}

TEST(Judge, WhatIsWrittenIsWhatIsMatchedAHundredThousandTimes) {
  Writer writer(20261127);
  int meant = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Written written = writer.entry();
    core::Allowlist list;
    for (const core::Entry& entry : core::parse_allowlist_text(written.text, "hosts")) list.add(entry);
    ASSERT_EQ(list.entries().size(), 1U) << written.text;
    ASSERT_EQ(list.entries().front().pattern.to_string(), written.prefix + written.name) << written.text;
    const std::string authority = writer.authority(written.name);
    const bool expected = is_meant(written, authority);
    meant += expected ? 1 : 0;
    ASSERT_EQ(Proxy(core::compile_filter(list)).admits(authority), expected) << written.text << authority;
    ASSERT_EQ(judge(authority, core::matcher_of(list)).entry != nullptr, expected)
        << written.text << authority;
    if (ends_with(authority, ":443")) {
      const std::string host = authority.substr(0, authority.size() - 4);
      ASSERT_EQ(list.match(host) != nullptr, expected) << written.text << authority;
    }
  }
  // It would say nothing if all were meant, or none.
  EXPECT_GT(meant, 5'000);
  EXPECT_LT(meant, 60'000);
}

TEST(Judge, NamesTheEntryOrTheReason) {
  const Entries matcher = core::matcher_of(make_list());
  const std::string current = std::filesystem::current_path();
  const auto told = [&](const std::string& host) { return core::judge_host(host, matcher, {}, current); };
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
  EXPECT_EQ(core::judge_host("other.example", matcher, {}, "/some/where").hint,
            "drydock egress allow --project /some/where other.example");
  EXPECT_EQ(core::judge_host("other.example", matcher, "0123abcd", "/some/where").hint,
            "drydock egress allow other.example --session 0123abcd");
  EXPECT_EQ(told("example.com:80").reason, "only port 443 is allowed");
  EXPECT_EQ(told("example.com:80").hint, "");
  for (const std::string host :
       {"a b", "", "example.com.", "a_b.example.org", "u@example.com", "[example.com]"}) {
    EXPECT_EQ(told(host).reason, "it is not a host name") << host;
    EXPECT_EQ(told(host).hint, "") << host;
  }
  for (const std::string host : {"10.0.0.1", "10.0.0.1:80", "::1", "[::1]:443", "[::1]", "fe80::1",
                                 "2130706433", "0X7F.1", "a.example.1", "127.0.0.1.", "u@10.0.0.1"}) {
    EXPECT_EQ(told(host).reason, "it is an address, not a host name") << host;
    EXPECT_EQ(told(host).hint, core::hint_for_entry("10.0.0.1", {}, core::EntryPlace::argument)) << host;
    EXPECT_NE(told(host).hint.find("--allow-private"), std::string::npos);
  }
  EXPECT_EQ(told("https://example.com/x").hint, "write example.com");
  EXPECT_EQ(told("https://example.com/x").reason, "it is a URL, not a host");
  EXPECT_FALSE(told("https://example.com:443").allowed);
  EXPECT_EQ(told("1.example").reason, "not on the allowlist");
  // The guard would take it, and no allowlist can name it.
  EXPECT_EQ(told("localhost").reason, "not on the allowlist");
  EXPECT_EQ(told("localhost").hint, "");
}

// Names out of the pieces that matter, also such that drydock takes for no line.
TEST(Judge, WhatALineCanBeIsWhatDrydockTakesForOne) {
  const std::vector<std::string> pieces{"a",
                                        "b1",
                                        "-",
                                        ".",
                                        ".",
                                        ".",
                                        "com",
                                        "co.uk",
                                        "test",
                                        "0x1f",
                                        "127",
                                        "--",
                                        "A",
                                        ".-",
                                        "-.",
                                        "example.",
                                        "localhost",
                                        "_",
                                        "..",
                                        "xn--",
                                        "b-c.",
                                        "*.",
                                        ":443",
                                        "xn--a.",
                                        "x.--y",
                                        "\xc3\xbc",
                                        "xn--bcher-kva.",
                                        std::string(63, 'x')};
  std::mt19937 random(20260731);
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  int taken = 0;
  int refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string name;
    for (std::size_t count = 1 + pick(7); count > 0; --count) name += pieces[pick(pieces.size())];
    const auto pattern = core::parse_host_pattern(name);
    if (pattern) {
      ASSERT_TRUE(can_be_listed(pattern->host)) << name;
    }
    // A puny code is checked by drydock alone.
    if (name.find("xn--") != std::string::npos) continue;
    const bool same = pattern && pattern->host == name;
    ASSERT_EQ(can_be_listed(name), same) << name;
    taken += same ? 1 : 0;
    refused += is_host_name(name) && !same ? 1 : 0;
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refused, 1000);
  for (const std::string name : {"localhost", "a-.example.com", "-a.example.com", "a.com-", "a.b.-c.com",
                                 "a..com", ".a.com", "10.0.0.1", "*.a.com", ""})
    EXPECT_FALSE(can_be_listed(name)) << name;
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
