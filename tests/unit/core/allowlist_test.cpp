#include "core/allowlist.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "core/groups.hpp"
#include "nobody.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// "entry@line" for each.
std::vector<std::string> shown(const std::vector<Entry>& entries) {
  std::vector<std::string> texts;
  texts.reserve(entries.size());
  for (const Entry& entry : entries) {
    texts.push_back(entry.pattern.to_string() + "@" + std::to_string(entry.source.line));
  }
  return texts;
}

std::vector<std::string> parsed(std::string_view text) { return shown(parse_allowlist_text(text, "list")); }

template <typename Action>
Error failure(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

Error failure_of_text(std::string_view text) {
  return failure([&] { parse_allowlist_text(text, "list"); });
}

TEST(AllowlistText, KeepsOrderAndLines) {
  EXPECT_THAT(parsed("b.example\n*.a.example\n.c.example:443\n"),
              ElementsAre("b.example@1", "*.a.example@2", ".c.example@3"));
  EXPECT_EQ(parse_allowlist_text("a.example", "some/list").at(0).source.name, "some/list");
}

TEST(AllowlistText, TakesCommentsBlanksAndLineEnds) {
  EXPECT_THAT(parsed(""), IsEmpty());
  EXPECT_THAT(parsed("\n\n   \n\t\n# only comments\n  # indented\n#"), IsEmpty());
  EXPECT_THAT(parsed("# head\n\n  a.example  # why\nb.example\t#why\nc.example # a # b\n"),
              ElementsAre("a.example@3", "b.example@4", "c.example@5"));
  EXPECT_THAT(parsed("a.example\r\n\r\n# c\r\nb.example\r\n"), ElementsAre("a.example@1", "b.example@4"));
  EXPECT_THAT(parsed("\xef\xbb\xbf"
                     "a.example\nb.example"),
              ElementsAre("a.example@1", "b.example@2"));
  EXPECT_THAT(parsed("\xef\xbb\xbf# comment\n"), IsEmpty());
  EXPECT_THAT(parsed("b\u00fccher.example # B\u00fccher\n"), ElementsAre("xn--bcher-kva.example@1"));
}

TEST(AllowlistText, NamesTheLineTheEntryTheReasonAndAHint) {
  const Error error = failure_of_text("# hosts\nexample.org\nhttps://example.com/path\n");
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_STREQ(error.what(),
               "cannot read allowlist 'list:3': 'https://example.com/path': it is a URL, not a host name");
  EXPECT_EQ(error.hint(), "write example.com");
}

TEST(AllowlistText, RefusesWhatIsNoEntry) {
  const struct {
    std::string text, where, reason;
  } cases[] = {
      {"a.example\n*.com\n", "'list:2': '*.com'", "public suffix"},
      {"a.example b.example\n", "'list:1'", "a space"},
      {"10.0.0.1", "'list:1': '10.0.0.1'", "IP address"},
      {"a.example#b\n", "'list:1'", "'#' cannot be part"},
      {"\n^(.*\\.)?a\\.example$\r\n", "'list:2'", "regular expressions are not supported"},
      {"a.example\rb.example\n", "'list:1': 'a.example?b.example'", "a control character"},
      {"a.example\r\r\n", "'list:1': 'a.example?'", "a control character"},
      {"a.example\f\n", "'list:1'", "a control character"},
      {"a.example\n\xef\xbb\xbf"
       "b.example\n\xef\xbb\xbf.com",
       "'list:3': '?.com'", "an empty label"},
      {"a.example\n\xff\xfe\n", "'list:2': '\?\?'", "not UTF-8"},
      {"# caf\xe9\n", "'list:1'", "not UTF-8"},
      {std::string("# a\0b\n", 6), "'list:1'", "a NUL byte"},
      {std::string("a.example\0\n", 11), "'list:1'", "a NUL byte"},
      {std::string(600, 'a') + "\n", "'list:1'", "longer than 63"},
      {"@nosuchgroup\n", "'list:1': '@nosuchgroup'", "there is no such group"},
      {"@\n", "'list:1'", "there is no such group"},
      {"@github extra\n", "'list:1'", "there is no such group"},
  };
  for (const auto& test : cases) {
    const Error error = failure_of_text(test.text);
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << test.text;
    EXPECT_THAT(error.what(), HasSubstr(test.where));
    EXPECT_THAT(error.what(), HasSubstr(test.reason));
    EXPECT_THAT(error.hint(), Not(IsEmpty())) << test.text;
    for (const char c : std::string(error.what())) EXPECT_FALSE(c >= 0 && c < 0x20) << error.what();
  }
}

TEST(AllowlistText, ShowsLittleOfALongLine) {
  EXPECT_LT(std::string(failure_of_text(std::string(100000, 'a')).what()).size(), 300u);
}

TEST(AllowlistText, IsBounded) {
  const std::string line = "# " + std::string(61, 'x') + "\n";
  std::string text;
  while (text.size() + line.size() <= max_allowlist_size) text += line;
  ASSERT_EQ(text.size(), max_allowlist_size);
  EXPECT_THAT(parsed(text), IsEmpty());
  EXPECT_THAT(failure_of_text(text + "\n").what(), HasSubstr("larger than 1 MiB"));
}

TEST(AllowlistGroups, ExpandToTheirMembersAtTheirLine) {
  EXPECT_THAT(parsed("a.example\n@pypi # python\n@GoLang\n"),
              ElementsAre("a.example@1", "pypi.org@2", "files.pythonhosted.org@2", "proxy.golang.org@3",
                          "sum.golang.org@3"));
}

TEST(AllowlistGroups, AnUnknownOneNamesTheNearest) {
  EXPECT_EQ(failure_of_text("@githbu\n").hint(), "did you mean '@github'?");
  EXPECT_THAT(failure_of_text("@xyzzy\n").hint(), HasSubstr("@github"));
}

// npm, as far as this matters: says its registry when it is asked for it outside of any project.
class NpmGroup : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::setenv("PATH", directory_.path().c_str(), 1), 0); }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  void npm_says(const std::string& line) {
    const std::string npm = directory_.path() + "/npm";
    std::ofstream(npm) << "#!/bin/sh\n[ \"$*\" = '-g config list --json' ] && echo '{\"registry\": \"" << line
                       << "\"}'\n";
    ASSERT_EQ(::chmod(npm.c_str(), 0755), 0);
  }
  void npm_fails() {
    npm_says("");
    std::ofstream(directory_.path() + "/npm") << "#!/bin/sh\nexit 1\n";
  }

 private:
  TempDir directory_;
  std::string path_ = ::getenv("PATH");
};

TEST_F(NpmGroup, IsTheRegistryThatNpmIsSetUpWith) {
  npm_says("https://Registry.Example.com/npm/");
  EXPECT_THAT(parsed("@npm\n"), ElementsAre("registry.example.com@1"));
}

TEST_F(NpmGroup, SaysWhyThereIsNone) {
  npm_fails();
  EXPECT_THAT(failure_of_text("@npm\n").what(), HasSubstr("'@npm': npm's registry is not known: "));
  EXPECT_EQ(failure_of_text("@npm\n").hint(), "write the host itself");
  const std::string only = "set it up with a host name, by https on port 443: nothing else passes";
  npm_says("http://registry.example.com/");
  EXPECT_THAT(failure_of_text("@npm\n").what(), HasSubstr("only https passes"));
  EXPECT_EQ(failure_of_text("@NPM\n").hint(), only);
  npm_says("https://10.0.0.1/");
  EXPECT_THAT(failure_of_text("@npm\n").what(), HasSubstr("'10.0.0.1' cannot be allowed"));
  EXPECT_EQ(failure_of_text("@npm\n").hint(), only);
}

TEST(RegistryHost, IsThatOfAnHttpsUrl) {
  EXPECT_EQ(host_of_registry("https://mirror.example/debian").value(), "mirror.example");
  EXPECT_EQ(host_of_registry("https://user:secret@mirror.example:443/").value(), "mirror.example");
  for (const char* url : {"", "https://", "http://mirror.example/", "https://mirror.example:8443/",
                          "https://*.example/", "file:///srv/mirror", "mirror.example"}) {
    EXPECT_FALSE(host_of_registry(url)) << url;
  }
}

TEST(AllowlistEntry, HasNoLine) {
  const std::vector<Entry> entries = parse_allowlist_entry(" example.com ", "--allow");
  EXPECT_THAT(shown(entries), ElementsAre("example.com@0"));
  EXPECT_EQ(entries.at(0).source.to_string(), "--allow");
  EXPECT_EQ(parse_allowlist_entry("@pypi", "--allow").size(), 2u);
  EXPECT_STREQ(failure([] { parse_allowlist_entry("", "--allow"); }).what(),
               "cannot read allowlist '--allow': '': it is empty");
  EXPECT_THAT(failure([] { parse_allowlist_entry("# x", "--allow"); }).what(), HasSubstr("a space"));
  EXPECT_THAT(failure([] { parse_allowlist_entry("a.example\nb.example", "--allow"); }).what(),
              HasSubstr("a control character"));
}

TEST(Allowlist, DropsDuplicatesAndKeepsTheFirst) {
  Allowlist list;
  EXPECT_TRUE(list.empty());
  for (const Entry& entry :
       parse_allowlist_text("b.example\na.example\nB.example.:443\n*.b.example\n", "one")) {
    list.add(entry);
  }
  for (const Entry& entry : parse_allowlist_text("a.example\nc.example\n", "two")) list.add(entry);
  EXPECT_THAT(shown(list.entries()),
              ElementsAre("b.example@1", "a.example@2", "*.b.example@4", "c.example@2"));
  EXPECT_EQ(list.entries().at(1).source.to_string(), "one:2");
  EXPECT_EQ(list.entries().at(3).source.to_string(), "two:2");
}

TEST(Allowlist, FindsTheFirstEntryThatAdmitsAHost) {
  Allowlist list;
  EXPECT_EQ(list.match("a.example.com"), nullptr);
  for (const Entry& entry : parse_allowlist_text("other.example\n*.example.com\na.example.com\n", "list")) {
    list.add(entry);
  }
  ASSERT_NE(list.match("A.example.com"), nullptr);
  EXPECT_EQ(list.match("A.example.com")->source.line, 2);
  EXPECT_EQ(list.match("example.com"), nullptr);
}

class AllowlistFile : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

 private:
  TempDir directory_;
};

TEST_F(AllowlistFile, IsRead) {
  const std::vector<Entry> entries = read_allowlist_file(write("list", "a.example\n\n.b.example\n"), true);
  EXPECT_THAT(shown(entries), ElementsAre("a.example@1", ".b.example@3"));
  EXPECT_EQ(entries.at(1).source.to_string(), path("list") + ":3");
  EXPECT_THAT(read_allowlist_file(write("empty", ""), true), IsEmpty());
}

TEST_F(AllowlistFile, ErrorNamesFileAndLine) {
  const Error error = failure([&] { read_allowlist_file(write("list", "a.example\n*.com\n"), false); });
  EXPECT_THAT(error.what(), HasSubstr("cannot read allowlist '" + path("list") + ":2': '*.com': "));
}

TEST_F(AllowlistFile, AnAbsentOneIsEmptyUnlessRequired) {
  EXPECT_THAT(read_allowlist_file(path("none"), false), IsEmpty());
  const Error error = failure([&] { read_allowlist_file(path("none"), true); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.what(),
              HasSubstr("cannot read allowlist '" + path("none") + "': No such file or directory"));
  EXPECT_EQ(error.hint(), "name one that is there");
}

TEST_F(AllowlistFile, OneThatCannotBeReadIsAnError) {
  write("file", "");
  ASSERT_EQ(::symlink("loop", path("loop").c_str()), 0);
  ASSERT_EQ(::symlink("nothing", path("dangling").c_str()), 0);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::filesystem::create_directory(path("directory"));
  const struct {
    std::string path, reason, hint;
  } cases[] = {
      {path("directory"), "it is a directory", "put a file in its place"},
      {path("fifo"), "it is not a regular file", "put a file in its place"},
      {"/dev/zero", "it is not a regular file", "put a file in its place"},
      {path("loop"), "symbolic links", "rm " + path("loop")},
      {path("dangling"), "it is a symbolic link to nothing", "rm " + path("dangling")},
      {path("file/below"), "Not a directory", "put a folder in the place of " + path("file")},
  };
  for (const auto& test : cases) {
    for (const bool required : {false, true}) {
      const Error error = failure([&] { read_allowlist_file(test.path, required); });
      EXPECT_EQ(error.kind(), ErrorKind::invalid) << test.path;
      EXPECT_THAT(error.what(), HasSubstr("cannot read allowlist '" + test.path + "': "));
      EXPECT_THAT(error.what(), HasSubstr(test.reason));
      EXPECT_THAT(error.hint(), HasSubstr(test.hint));
    }
  }
}

TEST_F(AllowlistFile, OneWithoutPermissionIsAnError) {
  const std::string list = write("list", "a.example\n");
  test::give_to_nobody(path("."));
  ASSERT_EQ(::chmod(list.c_str(), 0), 0);
  const test::AsNobody user;
  const Error error = failure([&] { read_allowlist_file(list, false); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_EQ(std::string(error.what()), "cannot read allowlist '" + list + "': Permission denied");
  EXPECT_EQ(error.hint(), "make it readable for you: chmod u+r " + list);
}

TEST_F(AllowlistFile, IsBounded) {
  const std::string large = write("large", std::string(max_allowlist_size + 1, '\n'));
  EXPECT_THAT(failure([&] { read_allowlist_file(large, false); }).what(),
              HasSubstr("'" + large + "': it is larger than 1 MiB"));
  EXPECT_THAT(read_allowlist_file(write("full", std::string(max_allowlist_size, '\n')), false), IsEmpty());
}

}  // namespace
}  // namespace drydock::core
