#include "core/filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

Allowlist list_of(const std::vector<std::string>& entries) {
  Allowlist list;
  for (const std::string& entry : entries) {
    for (const Entry& parsed : parse_allowlist_entry(entry, "test")) list.add(parsed);
  }
  return list;
}

// A filter as tinyproxy 1.11 reads and applies one: 511 bytes at a time, cut at the first blank or '#'.
class Tinyproxy {
 public:
  explicit Tinyproxy(const std::string& filter) {
    constexpr std::size_t buffer = 511;
    for (std::size_t begin = 0; begin < filter.size();) {
      const std::size_t end = std::min({filter.find('\n', begin), begin + buffer - 1, filter.size() - 1});
      std::string line = filter.substr(begin, end - begin + 1);
      begin = end + 1;
      line = line.substr(0, line.find_first_of(" \t\r\n#"));
      if (!line.empty()) lines_.push_back(line);
    }
    for (const std::string& line : lines_) {
      const int flags = REG_EXTENDED | REG_NOSUB | REG_ICASE | REG_NEWLINE;
      const std::shared_ptr<regex_t> pattern(new regex_t, [](regex_t* compiled) {
        regfree(compiled);
        delete compiled;
      });
      if (regcomp(pattern.get(), line.c_str(), flags) != 0)
        throw std::runtime_error("tinyproxy dies of " + line);
      patterns_.push_back(pattern);
    }
  }

  bool admits(const std::string& authority) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return regexec(pattern.get(), authority.c_str(), 0, nullptr, 0) == 0;
    });
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
  std::vector<std::shared_ptr<regex_t>> patterns_;
};

TEST(Filter, HasOneAnchoredLineForEachEntry) {
  EXPECT_EQ(compile_filter(list_of({"host.name", "*.example.com", ".example.org", "host.name:443"})),
            "^host\\.name:443$\n"
            "^([a-z0-9-]+\\.)+example\\.com:443$\n"
            "^([a-z0-9-]+\\.)*example\\.org:443$\n");
}

TEST(Filter, OfAnEmptyListIsEmpty) {
  EXPECT_EQ(compile_filter(Allowlist()), "");
  EXPECT_NO_THROW(verify_filter(""));
}

// What tinyproxy refused and admitted when it was measured.
TEST(Filter, AdmitsTheNameOnPort443Only) {
  const Tinyproxy proxy(compile_filter(list_of({"anchored.example", "*.below.example", ".both.example"})));
  for (const std::string admitted :
       {"anchored.example:443", "ANCHORED.Example:443", "a.below.example:443", "a.b.c.below.example:443",
        "A-1.Below.example:443", "both.example:443", "a.both.example:443", "a.b.both.example:443"}) {
    EXPECT_TRUE(proxy.admits(admitted)) << admitted;
  }
  const std::vector<std::string> refused{
      "",
      ":443",
      "anchored.example",
      "anchored.example:",
      "anchored.example:80",
      "anchored.example:0443",
      "anchored.example:4430",
      "anchored.example:4431",
      "anchored.example:65979",
      "anchored.example:4294967739",
      "anchored.example:443/",
      "anchored.example:443 ",
      " anchored.example:443",
      "\tanchored.example:443",
      "anchored.example:443\r",
      "anchored.example.:443",
      ".anchored.example:443",
      "a.anchored.example:443",
      "anchoredXexample:443",
      "anchored-example:443",
      "evil-anchored.example:443",
      "evilanchored.example:443",
      "anchored.example.evil.test:443",
      "anchored.example@127.0.0.1:443",
      "127.0.0.1:443@anchored.example:443",
      "user@anchored.example:443",
      "127.0.0.1:443",
      "127.1:443",
      "2130706433:443",
      "0x7f000001:443",
      "0177.0.0.1:443",
      "[::1]:443",
      "::1:443",
      "http://anchored.example/",
      "http://anchored.example:443",
      "http://anchored.example:2222/",
      "https://anchored.example:443",
      "tinyproxy.stats",
      "below.example:443",
      ".below.example:443",
      "a..below.example:443",
      "evilbelow.example:443",
      "evil-below.example:443",
      "127.0.0.1:443/x.below.example:443",
      "127.0.0.1/x.both.example:443",
      "127.0.0.1:443#x.below.example:443",
      "127.0.0.1:443?x.below.example:443",
      "evil.test@x.below.example:443",
      "evil.test:443@both.example:443",
      "evil.test%2f.both.example:443",
      "evil.test%00.both.example:443",
      "a_b.below.example:443",
      "a b.below.example:443",
      "[::1].below.example:443",
      "evilboth.example:443",
  };
  for (const std::string& authority : refused) EXPECT_FALSE(proxy.admits(authority)) << authority;
}

// Whether a list of these forms means to admit an authority, worked out without HostPattern.
class Reference {
 public:
  std::set<std::string> exact, below, both;

  bool admits(const std::string& authority) const {
    const std::string lower = to_lower_ascii(authority);
    if (!ends_with(lower, ":443")) return false;
    const std::string host = lower.substr(0, lower.size() - 4);
    if (exact.count(host) + both.count(host) > 0) return true;
    for (std::size_t i = 1; i < host.size(); ++i) {
      const std::string tail = host.substr(i);
      if (host[i - 1] == '.' && below.count(tail) + both.count(tail) > 0 && is_plain(host.substr(0, i))) {
        return true;
      }
    }
    return false;
  }

 private:
  // Labels, each with its dot.
  static bool is_plain(const std::string& text) {
    const bool known = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
    return known && text.front() != '.' && text.find("..") == std::string::npos;
  }
};

class Authorities {
 public:
  explicit Authorities(std::vector<std::string> names) : names_(std::move(names)) {}

  std::string next() {
    std::string text = pick(4) == 0 ? noise() : names_[pick(names_.size())];
    text += pick(5) == 0 ? noise() : ":443";
    for (std::size_t changes = pick(4); changes > 0; --changes) change(text);
    return text;
  }

 private:
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  std::string noise() {
    static const std::vector<std::string> pieces{"/",
                                                 "?",
                                                 "#",
                                                 "@",
                                                 ":",
                                                 "[",
                                                 "]",
                                                 "%2f",
                                                 "%2e",
                                                 "\t",
                                                 " ",
                                                 "\r",
                                                 ".",
                                                 "..",
                                                 "-",
                                                 "a",
                                                 "x.",
                                                 ".x",
                                                 "443",
                                                 "80",
                                                 "evil",
                                                 ".test",
                                                 "_",
                                                 "*",
                                                 "\\.",
                                                 "^",
                                                 "$",
                                                 "::1",
                                                 "127.0.0.1",
                                                 ":443",
                                                 "0",
                                                 "www",
                                                 "http://",
                                                 "+",
                                                 "\xc3\xbc",
                                                 "\x01",
                                                 "xn--",
                                                 "sub.",
                                                 ".com",
                                                 "K",
                                                 "\xe2\x84\xaa",
                                                 "A."};
    std::string text;
    for (std::size_t count = 1 + pick(3); count > 0; --count) text += pieces[pick(pieces.size())];
    return text;
  }

  void change(std::string& text) {
    const std::size_t at = pick(text.size() + 1);
    switch (pick(8)) {
      case 0:
        text = noise() + text;
        break;
      case 1:
        text += noise();
        break;
      case 2:
        text.insert(at, noise());
        break;
      case 3:
        if (at < text.size()) text.erase(at, 1);
        break;
      case 4:
        if (at < text.size() && text[at] >= 'a' && text[at] <= 'z')
          text[at] = static_cast<char>(text[at] - 32);
        break;
      case 5:
        if (const auto dot = text.find('.'); dot != std::string::npos) text[dot] = "xX-_/"[pick(5)];
        break;
      case 6:
        text = names_[pick(names_.size())] + noise() + text;
        break;
      default:
        text = "sub." + text;
    }
  }

  std::vector<std::string> names_;
  std::mt19937 random_{20240817};
};

TEST(Filter, AdmitsNothingThatWasNotMeant) {
  const std::vector<std::string> entries{"api.example.com",     "k.example.com",     "a-b.c.example.org",
                                         "*.below.example.net", "*.cdn.example.com", ".both.example.edu",
                                         "x9.example.info"};
  const Allowlist list = list_of(entries);
  const Tinyproxy proxy(compile_filter(list));
  Reference reference;
  std::vector<std::string> names;
  for (const std::string& entry : entries) {
    const bool below = starts_with(entry, "*.");
    const bool both = starts_with(entry, ".");
    const std::string name = entry.substr(below ? 2 : both ? 1 : 0);
    (below ? reference.below : both ? reference.both : reference.exact).insert(name);
    names.push_back(name);
  }
  Authorities authorities(names);
  int admitted = 0;
  int refused = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string authority = authorities.next();
    const bool meant = reference.admits(authority);
    ++(meant ? admitted : refused);
    ASSERT_EQ(proxy.admits(authority), meant) << "'" << authority << "'";
    if (ends_with(authority, ":443")) {
      const std::string host = authority.substr(0, authority.size() - 4);
      ASSERT_EQ(list.match(host) != nullptr, meant) << "'" << host << "'";
    }
  }
  EXPECT_GT(admitted, 10000) << "the generator also makes what is allowed";
  EXPECT_GT(refused, 10000);
}

TEST(Filter, SurvivesTinyproxysReader) {
  std::mt19937 random(7);
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  Allowlist list;
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    std::string name;
    const std::size_t size = 1 + pick(220);
    while (name.size() < size) {
      std::string label(1 + pick(pick(2) == 0 ? 3 : 63), 'a');
      for (char& c : label) c = letters[pick(letters.size())];
      label.front() = label.back() = 'z';
      name += label + ".";
    }
    name += "example.com";
    const auto pattern = parse_host_pattern((pick(3) == 0 ? "*." : pick(2) == 0 ? "." : "") + name);
    if (!pattern) continue;  // too long
    list.add({*pattern, {"test", i}});
  }
  ASSERT_GT(list.entries().size(), 300u);
  for (const Entry& entry : list.entries()) expected.push_back(entry.pattern.to_ere());
  EXPECT_EQ(Tinyproxy(compile_filter(list)).lines(), expected);
}

TEST(Filter, TheLongestNamesFit) {
  // 253 octets with as many dots as there can be.
  std::string name;
  while (name.size() < 253 - 11) name += "a.";
  name += "example.com";
  ASSERT_EQ(name.size(), 253u);
  for (const std::string& entry : {name, "." + name, "*." + name.substr(2)}) {
    const Tinyproxy proxy(compile_filter(list_of({entry, "last.example"})));
    EXPECT_EQ(proxy.lines().size(), 2u) << entry;
    EXPECT_TRUE(proxy.admits(name + ":443")) << entry;
  }
}

TEST(Filter, HoldsAgainstLongAuthorities) {
  const Tinyproxy proxy(compile_filter(list_of({"*.example.com"})));
  std::string deep;
  while (deep.size() < 8000) deep += "a.";
  EXPECT_TRUE(proxy.admits(deep + "example.com:443"));
  EXPECT_FALSE(proxy.admits(deep + "example.com:44"));
  EXPECT_FALSE(proxy.admits(std::string(8000, 'a') + "example.com:443"));
  EXPECT_FALSE(proxy.admits(std::string(8000, '.') + "example.com:443"));
}

TEST(Filter, VerifyRefusesEveryOtherText) {
  EXPECT_NO_THROW(verify_filter("^a\\.b:443$\n^([a-z0-9-]+\\.)+a\\.b:443$\n^([a-z0-9-]+\\.)*a-1\\.b:443$\n"));
  const std::vector<std::string> refused{
      "\n",
      "a\\.b:443$\n",
      "^a\\.b:443\n",
      "^a\\.b$\n",
      "^a.b:443$\n",
      "^a\\.b:80$\n",
      "^a\\.b:443$",
      "^a\\.b:443$\r\n",
      "^a\\.b:443$ \n",
      "^a\\.b:443$\n\n",
      "^a\\.b:443$\nx",
      "# comment\n",
      "^a\\.b:443$ # comment\n",
      "^(.*\\.)?a\\.b:443$\n",
      "^.*\\.a\\.b:443$\n",
      "^([a-z0-9-]+\\.)?a\\.b:443$\n",
      "^([a-z0-9-]+\\.)+:443$\n",
      "^([a-z0-9-]+\\.)+([a-z0-9-]+\\.)+a\\.b:443$\n",
      "^a\\.b:443$|x:443$\n",
      "^a\\.\\.b:443$\n",
      "^\\.b:443$\n",
      "^a\\.:443$\n",
      "^A\\.b:443$\n",
      "^a_b\\.c:443$\n",
      "^:443$\n",
      "^(a\\.b:443$\n",
      "^a\\.b\\:443$\n",
      "^" + std::string(600, 'a') + ":443$\n",
      "^" + std::string(511 - 6, 'a') + ":443$\n",
      std::string("^a\\.b\0:443$\n", 12),
  };
  for (const std::string& text : refused) {
    try {
      verify_filter(text);
      ADD_FAILURE() << "passed: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::internal);
      EXPECT_THAT(error.what(), HasSubstr("cannot compile filter line '"));
    }
  }
  EXPECT_NO_THROW(verify_filter("^" + std::string(510 - 6, 'a') + ":443$\n")) << "the longest that fits";
}

TEST(Filter, NeverCompilesAPatternThatWasNotParsed) {
  for (const std::string host : {"", "a..b", ".*", "a\nb.example", "a b", "A.b", "a.b:443", "a#b"}) {
    Allowlist list;
    list.add({{HostPattern::Kind::exact, host}, {"test", 1}});
    EXPECT_THROW(compile_filter(list), Error) << host;
  }
}

}  // namespace
}  // namespace drydock::core
