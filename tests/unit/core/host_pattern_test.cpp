#include "core/host_pattern.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "core/entry_hint.hpp"
#include "core/filter.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string reason_of(std::string_view entry) {
  const auto parsed = parse_host_pattern(entry);
  return parsed ? "accepted as " + parsed->to_string() : parsed.error();
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

// A name of exactly `size` octets that ends in ".example.com", made of labels of at most 63.
std::string name_of(std::size_t size) {
  const std::string tail = ".example.com";
  std::string name(size - tail.size(), 'a');
  for (std::size_t i = 60; i + 1 < name.size(); i += 61) name[i] = '.';
  return name + tail;
}

TEST(HostPattern, Accepts) {
  const struct {
    std::string entry, canonical;
  } cases[] = {
      {"example.com", "example.com"},
      {"*.example.com", "*.example.com"},
      {".example.com", ".example.com"},
      {"example.com:443", "example.com"},
      {"*.example.com:443", "*.example.com"},
      {".example.com:443", ".example.com"},
      {"ExAmPlE.CoM", "example.com"},
      {"example.com.", "example.com"},
      {"example.com.:443", "example.com"},
      {"*.EXAMPLE.com.", "*.example.com"},
      {"a.b.c.d.e.example.com", "a.b.c.d.e.example.com"},
      {"1e100.net", "1e100.net"},
      {"3.example.com", "3.example.com"},
      {"0x7f.example.com", "0x7f.example.com"},
      {"example.0xyz", "example.0xyz"},
      {"r3---sn-abc.example.com", "r3---sn-abc.example.com"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
      {"b\u00fccher.example", "xn--bcher-kva.example"},
      {"B\u00dcCHER.example", "xn--bcher-kva.example"},
      {"bu\u0308cher.example", "xn--bcher-kva.example"},
      {"*.b\u00fccher.example", "*.xn--bcher-kva.example"},
      {".b\u00fccher.example:443", ".xn--bcher-kva.example"},
      {"b\u00fccher\u3002example\u3002", "xn--bcher-kva.example"},
      {"fa\u00df.example", "xn--fa-hia.example"},
      {"\uff45xample.com", "example.com"},
      // An exact name that is itself a suffix is one host, and some are real.
      {"s3.amazonaws.com", "s3.amazonaws.com"},
      {"gov.uk", "gov.uk"},
      // A suffix rule's exception, and names one label below a suffix.
      {"*.www.ck", "*.www.ck"},
      {"*.example.co.uk", "*.example.co.uk"},
      {"*.me.github.io", "*.me.github.io"},
  };
  for (const auto& test : cases) {
    const auto parsed = parse_host_pattern(test.entry);
    ASSERT_TRUE(parsed) << test.entry << ": " << parsed.error();
    EXPECT_EQ(parsed->to_string(), test.canonical) << test.entry;
    const auto again = parse_host_pattern(parsed->to_string());
    ASSERT_TRUE(again) << parsed->to_string();
    EXPECT_EQ(*again, *parsed) << "the canonical entry means the same";
  }
}

TEST(HostPattern, RefusesWithAReason) {
  const struct {
    std::string entry, reason;
  } cases[] = {
      {"", "it is empty"},
      {"https://example.com", "a URL"},
      {"https://example.com/path", "a URL"},
      {"http://127.0.0.1", "a URL"},
      {"://", "a URL"},
      {"http:example.com", "a URL"},
      {"//example.com", "a URL"},
      {"example.com/path", "a path"},
      {"example.com/", "a path"},
      {"*.example.com/x?y", "a path"},
      {"/", "a path"},
      {"example.com example.org", "a space"},
      {" example.com", "a space"},
      {"example.com ", "a space"},
      {"example.com\texample.org", "a space"},
      {"user@example.com", "user-info"},
      {"user:word@example.com", "user-info"},
      {"example.com@", "user-info"},
      {"@github", "a group"},
      // IP addresses, in every spelling.
      {"127.0.0.1", "IP address"},
      {"127.0.0.1:443", "IP address"},
      {"127.0.0.1.", "IP address"},
      {"127.1", "IP address"},
      {"127.0.1", "IP address"},
      {"0177.0.0.1", "IP address"},
      {"0x7f.0.0.1", "IP address"},
      {"0X7F.1", "IP address"},
      {"0x7f.1", "IP address"},
      {"1.0x", "IP address"},
      {"0x7f000001", "IP address"},
      {"2130706433", "IP address"},
      {"017700000001", "IP address"},
      {"0", "IP address"},
      {"256.256.256.256", "IP address"},
      {"1.2.3.4.5", "IP address"},
      {"example.123", "IP address"},
      {"example.0xff", "IP address"},
      {"*.127.0.0.1", "IP address"},
      {".127.0.0.1", "IP address"},
      {"10.0.0.0/8", "IP address"},
      {"[127.0.0.1]", "IP address"},
      {"::", "IP address"},
      {"::1", "IP address"},
      {"[::1]", "IP address"},
      {"[::1]:443", "IP address"},
      {"[::1", "IP address"},
      {"2001:DB8::1", "IP address"},
      {"::ffff:127.0.0.1", "IP address"},
      {"fe80::1%eth0", "IP address"},
      {"2001:db8::/32", "IP address"},
      {"\uff11\uff12\uff17.\uff10.\uff10.\uff11", "IP address"},
      {"127\u30020\u30020\u30021", "IP address"},
      // Ports.
      {"example.com:80", "only port 443"},
      {"example.com:0443", "only port 443"},
      {"example.com:4430", "only port 443"},
      {"example.com:", "only port 443"},
      {"example.com:https", "only port 443"},
      {"example.com:443:443", "only port 443"},
      {"example.com:*", "regular expressions"},
      // Wildcards.
      {"*", "every host"},
      {"*:443", "every host"},
      {"*.", "every host"},
      {".", "every host"},
      {"..", "every host"},
      {"*..", "every host"},
      {"*.com", "public suffix ('com')"},
      {".com", "public suffix ('com')"},
      {"*.COM.", "public suffix ('com')"},
      {"*.co.uk", "public suffix ('co.uk')"},
      {".co.uk", "public suffix ('co.uk')"},
      {"*.github.io", "public suffix ('github.io')"},
      {"*.s3.amazonaws.com", "public suffix"},
      {"*.githubusercontent.com", "public suffix"},
      {"*.kawasaki.jp", "public suffix"},
      {"*.anything.ck", "public suffix"},
      {"*.internal", "public suffix"},
      {"*.localhost", "public suffix"},
      {"*.\u516c\u53f8.cn", "public suffix ('xn--55qx5d.cn')"},
      {"*.\u0440\u0444", "public suffix ('xn--p1ai')"},
      // Single labels.
      {"localhost", "a single label"},
      {"com", "a single label"},
      {"localhost.", "a single label"},
      {"b\u00fccher", "a single label"},
      // Regular expressions.
      {"^example\\.com$", "regular expressions are not supported"},
      {"^(.*\\.)?example\\.com$", "regular expressions are not supported"},
      {"example\\.com", "regular expressions are not supported"},
      {"(a|b).example.com", "regular expressions are not supported"},
      {"a.com|b.com", "regular expressions are not supported"},
      {"[a-z]+.example.com", "regular expressions are not supported"},
      {"a{2}.example.com", "regular expressions are not supported"},
      {"examples?.com", "regular expressions are not supported"},
      {"example.com$", "regular expressions are not supported"},
      {".*", "regular expressions are not supported"},
      {".*.example.com", "regular expressions are not supported"},
      {"**.example.com", "regular expressions are not supported"},
      {"*example.com", "regular expressions are not supported"},
      {"a*.example.com", "regular expressions are not supported"},
      {"*.*.example.com", "regular expressions are not supported"},
      {"api.*.example.com", "regular expressions are not supported"},
      {"example.*", "regular expressions are not supported"},
      // Labels.
      {":443", "no host name"},
      {"example..com", "an empty label"},
      {"example.com..", "an empty label"},
      {"..example.com", "an empty label"},
      {"*..example.com", "an empty label"},
      {"b\u00fccher..example", "an empty label"},
      {"_dmarc.example.com", "'_' cannot be part"},
      {"a_b.b\u00fccher.example", "'_' cannot be part"},
      {"example.com#comment", "'#' cannot be part"},
      {"example,com", "',' cannot be part"},
      {"example.com%2f", "'%' cannot be part"},
      {"example.com=10.1.2.x", "'=' cannot be part"},
      {"\uff0a.example.com", "'*' cannot be part"},
      {"example.com\uff1a80", "':' cannot be part"},
      {"-example.com", "begins or ends with '-'"},
      {"example-.com", "begins or ends with '-'"},
      {"*.-example.com", "begins or ends with '-'"},
      // International names.
      {"xn--zzzzzzz99999.com", "not a valid international name"},
      {"xn--.com", "not a valid international name"},
      {"b\u00fc\u202ecker.example", "not a valid international name"},
      {"\u2603.example", "not a valid international name"},
      {"ex\u00a0\u00fc.example", "not a valid international name"},
      // Bytes.
      {"example.com\r", "a control character"},
      {"example.com\n", "a control character"},
      {"exa\x1b[31mmple.com", "a control character"},
      {"example.com\x7f", "a control character"},
      {"exa\u009bmple.com", "a control character"},
      {std::string("example.com\0", 12), "a NUL byte"},
      {std::string("example.com\0.evil.test", 22), "a NUL byte"},
      {"exa\xffmple.com", "not UTF-8"},
      {"exa\xc0\xaemple.com", "not UTF-8"},
  };
  for (const auto& test : cases) {
    const std::string reason = reason_of(test.entry);
    EXPECT_THAT(reason, HasSubstr(test.reason)) << one_line(test.entry);
    EXPECT_THAT(reason, Not(HasSubstr("accepted"))) << one_line(test.entry);
    // Each has advice of its own, and not only what an entry may look like.
    EXPECT_THAT(hint_for_entry(test.entry), Not(HasSubstr(".example.com, one on a line")))
        << one_line(test.entry);
    for (const char c : reason) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << one_line(test.entry) << ": " << reason;
  }
}

TEST(HostPattern, BoundsLabelsAndNames) {
  EXPECT_TRUE(parse_host_pattern(std::string(63, 'a') + ".example.com"));
  EXPECT_THAT(reason_of(std::string(64, 'a') + ".example.com"), HasSubstr("longer than 63"));
  EXPECT_THAT(reason_of("*." + std::string(64, 'a') + ".com"), HasSubstr("longer than 63"));
  EXPECT_THAT(reason_of(repeated("\u00fc", 70) + ".example"), HasSubstr("longer than 63"));
  ASSERT_EQ(name_of(253).size(), 253u);
  EXPECT_TRUE(parse_host_pattern(name_of(253)));
  EXPECT_TRUE(parse_host_pattern(name_of(253) + ".:443"));
  EXPECT_THAT(reason_of(name_of(254)), HasSubstr("longer than 253"));
  EXPECT_TRUE(parse_host_pattern("." + name_of(253)));
  EXPECT_TRUE(parse_host_pattern("*." + name_of(251)));
  EXPECT_THAT(reason_of("*." + name_of(252)), HasSubstr("longer than 253")) << "no subdomain of it fits";
  EXPECT_THAT(reason_of(repeated("\u00fc\u00fc.", 60) + "example"), HasSubstr("longer than 253"));
  EXPECT_THAT(reason_of(std::string(600, 'a')), HasSubstr("longer than 63"));
  EXPECT_THAT(reason_of(std::string(1 << 20, 'a')), HasSubstr("longer than 253"));
}

TEST(HostPattern, WhateverItAcceptsIsCanonicalAndVerified) {
  const std::vector<std::string> pieces{"example",
                                        "com",
                                        ".",
                                        ".",
                                        ".",
                                        "*.",
                                        "-",
                                        "xn--",
                                        "a",
                                        "B",
                                        "1",
                                        "0x",
                                        "127",
                                        ":443",
                                        ":80",
                                        "@",
                                        "/",
                                        "[",
                                        "]",
                                        "::",
                                        " ",
                                        "\n",
                                        "_",
                                        "\\",
                                        "%",
                                        "\u00fc",
                                        "\u00df",
                                        "\u3002",
                                        "\uff0e",
                                        "\uff0a",
                                        "\uff58\uff4e--",
                                        "\u00ad",
                                        "\u200d",
                                        "\u2488",
                                        "\u212a",
                                        "\u0660",
                                        "\u05d0",
                                        "\ufeff",
                                        "\xff",
                                        "bcher-kva",
                                        "co.uk",
                                        "com.",
                                        "example.com",
                                        "example.org",
                                        std::string(60, 'x'),
                                        std::string(1, '\0')};
  std::mt19937 random(11);
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  int accepted = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string entry;
    for (std::size_t count = 1 + pick(6); count > 0; --count) entry += pieces[pick(pieces.size())];
    const auto pattern = parse_host_pattern(entry);
    if (!pattern) continue;
    ++accepted;
    ASSERT_EQ(parse_host_pattern(pattern->to_string()), *pattern) << one_line(entry);
    ASSERT_NO_THROW(verify_filter(pattern->to_ere() + "\n")) << one_line(entry);
    ASSERT_EQ(pattern->matches(pattern->host), pattern->kind != HostPattern::Kind::subdomains);
    ASSERT_EQ(pattern->matches("a." + pattern->host), pattern->kind != HostPattern::Kind::exact);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(HostPattern, Matches) {
  const HostPattern exact = *parse_host_pattern("example.com");
  const HostPattern below = *parse_host_pattern("*.example.com");
  const HostPattern both = *parse_host_pattern(".example.com");
  const struct {
    std::string host;
    bool exact, below, both;
  } cases[] = {
      {"example.com", true, false, true},
      {"EXAMPLE.com", true, false, true},
      {"a.example.com", false, true, true},
      {"a.b.c.example.com", false, true, true},
      {"A.Example.Com", false, true, true},
      {"xn--bcher-kva.example.com", false, true, true},
      {"", false, false, false},
      {".example.com", false, false, false},
      {"a..example.com", false, false, false},
      {"example.com.", false, false, false},
      {"a.example.com.", false, false, false},
      {"notexample.com", false, false, false},
      {"a-example.com", false, false, false},
      {"example.com.evil.test", false, false, false},
      {"exampleXcom", false, false, false},
      {"aXexample.com", false, false, false},
      {"127.0.0.1/a.example.com", false, false, false},
      {"evil.test:443/a.example.com", false, false, false},
      {"evil.test@a.example.com", false, false, false},
      {"a_b.example.com", false, false, false},
      {"a .example.com", false, false, false},
      {"example.com:443", false, false, false},
      {"b\u00fccher.example.com", false, false, false},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(exact.matches(test.host), test.exact) << test.host;
    EXPECT_EQ(below.matches(test.host), test.below) << test.host;
    EXPECT_EQ(both.matches(test.host), test.both) << test.host;
  }
}

TEST(HostPattern, MakesAnchoredExpressions) {
  EXPECT_EQ(parse_host_pattern("host.name")->to_ere(), "^host\\.name:443$");
  EXPECT_EQ(parse_host_pattern("*.example.com")->to_ere(), "^([a-z0-9-]+\\.)+example\\.com:443$");
  EXPECT_EQ(parse_host_pattern(".example.com")->to_ere(), "^([a-z0-9-]+\\.)*example\\.com:443$");
}

TEST(HostPattern, HintsAtWhatWasMeant) {
  const struct {
    std::string entry, hint;
  } cases[] = {
      {"https://Example.com/path?x#y", "write example.com"},
      {"https://*.example.com", "write *.example.com"},
      {"example.com/", "write example.com"},
      {"example.com:8443", "write example.com"},
      {"^example\\.com$", "write example.com"},
      {"example\\.com", "write example.com"},
      {"^(.*\\.)?example\\.com$", "write .example.com"},
      {"(.+\\.)?example\\.com", "write .example.com"},
      {"^.*\\.example\\.com$", "write *.example.com"},
      {"http:example.com", "write example.com"},
      {"//example.com/x", "write example.com"},
      {"\"example.com\"", "write example.com"},
      {"'*.example.com',", "write *.example.com"},
      {"example.com;", "write example.com"},
      {"a.example,b.example", "write one host on a line"},
      {"@githb", "did you mean '@github'?"},
      {"@xyzzy", "use one of: @apt, @crates, @github, @golang, @npm, @pypi"},
  };
  for (const auto& test : cases) EXPECT_EQ(hint_for_entry(test.entry), test.hint) << test.entry;
  const struct {
    std::string entry, hint;
  } advice[] = {
      {"10.0.0.1", "write the host's name"},
      {"^10\\.0\\.0\\.1$", "write each host"},
      {"*.com", "what one owner has"},
      {"*", "drydock egress capture"},
      {"a.com|b.com", "write each host"},
      {"a.com b.com", "one host on a line"},
      {"user.name:word@evil.test", "write the host alone, as in example.com"},
      {"https://user.name:word@evil.test", "write the host alone, as in example.com"},
      {"https://10.0.0.1/", "write the host alone"},
      {"localhost", "write the full name, as in host.example.com"},
      {"a_b.com", "letters, digits and '-'"},
      {"-a.com", "letters, digits and '-'"},
      {"a..com", "one dot between two parts"},
      {"xn--.com", "check its spelling"},
      {std::string(64, 'a') + ".com", "63 between two dots"},
      {"\x1b[31m", "as plain text"},
      {"exa\xffmple.com", "save the file as UTF-8"},
      {"", "as in example.com"},
  };
  for (const auto& test : advice) EXPECT_THAT(hint_for_entry(test.entry), HasSubstr(test.hint)) << test.entry;
}

TEST(Utf8, TakesWellFormedTextOnly) {
  for (const std::string good : {"", "a", "\u00fc", "\u20ac", "\U0001f600", "\U0010ffff", "\x7f"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3("}) {
    EXPECT_FALSE(is_utf8(bad)) << one_line(bad);
    EXPECT_FALSE(is_utf8("a" + bad + "b")) << one_line(bad);
  }
}

TEST(Utf8, OneLineHidesWhatATerminalWouldObey) {
  EXPECT_EQ(one_line("b\u00fccher \U0001f600"), "b\u00fccher \U0001f600");
  EXPECT_EQ(one_line("a\x1b[31m\n\t\r\x7f\xff\u009b\u202e\u200b\ufeff"), "a?[31m?????????");
  EXPECT_EQ(one_line("\u00fc\u00fc\u00fc", 2), "\u00fc\u00fc...");
  EXPECT_EQ(one_line("\u00fc\u00fc", 2), "\u00fc\u00fc");
}

}  // namespace
}  // namespace drydock::core
