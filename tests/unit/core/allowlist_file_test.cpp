#include "core/allowlist_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "base/scope_exit.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "nobody.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

class AllowlistFileTest : public testing::Test {
 protected:
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  std::vector<AddedLine> add(const std::vector<std::string>& hosts) {
    return add_to_allowlist(file, hosts, {other}, false);
  }
  std::string reason_of(const std::vector<std::string>& hosts, ErrorKind kind) {
    const std::string before = read(file);
    try {
      add(hosts);
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_EQ(read(file), before);
      return error.what();
    }
    return {};
  }
  std::size_t files() const {
    const auto all = std::filesystem::directory_iterator(folder);
    const auto count = static_cast<std::size_t>(std::distance(begin(all), end(all)));
    return count;
  }

  TempDir directory;
  std::string folder = directory.path() + "/config/drydock";
  std::string file = folder + "/hosts";
  std::string other = folder + "/others";
};

TEST_F(AllowlistFileTest, MakesWhatIsNotThere) {
  const auto lines = add({"Example.COM.", "*.example.org:443", "@PyPI"});
  EXPECT_EQ(read(file), "example.com\n*.example.org\n@pypi\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[2].added);
  EXPECT_EQ(lines[2].source.to_string(), file + ":3");
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(mode_of(folder), 0700U);
  EXPECT_EQ(files(), 1U) << "nothing else is left";
}

TEST_F(AllowlistFileTest, KeepsEveryByteThatIsThere) {
  std::filesystem::create_directories(folder);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"# mine\n\n  a.example   # why\n", "b.example\n"},
      {"a.example", "\nb.example\n"},
      {"\xef\xbb\xbf"
       "a.example\r\n# x\r\n",
       "b.example\r\n"},
      {"", "b.example\n"}};
  for (const auto& [before, added] : cases) {
    write(file, before);
    ::chmod(file.c_str(), 0640);
    const auto lines = add({"b.example"});
    EXPECT_EQ(read(file), before + added);
    EXPECT_EQ(mode_of(file), 0640U);
    // The line that is told is the line that is there.
    EXPECT_EQ(read_allowlist_file(file, true).back().source.to_string(), lines.front().source.to_string());
  }
}

TEST_F(AllowlistFileTest, ToldOnceIsEnough) {
  std::filesystem::create_directories(folder);
  write(file, "a.example\n.both.example\n");
  write(other, "# others\nb.example\nfiles.pythonhosted.org\n");
  const auto lines = add({"a.example", "B.example", "c.example", "c.example", "x.both.example", "@pypi"});
  EXPECT_EQ(read(file), "a.example\n.both.example\nc.example\nx.both.example\n@pypi\n");
  std::vector<bool> added;
  for (const AddedLine& line : lines) added.push_back(line.added);
  EXPECT_EQ(added, (std::vector<bool>{false, false, true, false, true, true}));
  EXPECT_EQ(lines[0].source.to_string(), file + ":1");
  EXPECT_EQ(lines[1].source.to_string(), other + ":2");
  EXPECT_EQ(lines[3].source.to_string(), file + ":3");
  struct stat before {};
  struct stat after {};
  ::stat(file.c_str(), &before);
  EXPECT_FALSE(add({"@pypi", "a.example"}).front().added);
  ::stat(file.c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino) << "nothing was to be written";
}

TEST_F(AllowlistFileTest, OneThatIsWrongWritesNothing) {
  std::filesystem::create_directories(folder);
  write(file, "a.example\n");
  for (const std::string host :
       {"*.com", "10.0.0.1", "https://x.example/", "x.example:80", "a b", "", "@nosuch",
        "x.example\ny.example", "# x", "x.example # y", "^x\\.example$", "x\x01.example"}) {
    EXPECT_THAT(reason_of({"good.example", host}, ErrorKind::usage), HasSubstr("cannot allow host '"))
        << host;
  }
  write(file, "a.example\n10.0.0.1\n");
  EXPECT_THAT(reason_of({"good.example"}, ErrorKind::invalid), HasSubstr("hosts:2"));
  write(file, "a.example\n");
  write(other, "*.com\n");
  EXPECT_THAT(reason_of({"good.example"}, ErrorKind::invalid), HasSubstr("others:1"));
  std::filesystem::remove(other);
  write(file, std::string(max_allowlist_size - 5, '#'));
  EXPECT_THAT(reason_of({"good.example"}, ErrorKind::invalid), HasSubstr("larger than 1 MiB"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(AllowlistFileTest, ALinkIsFollowedAndStaysOne) {
  std::filesystem::create_directories(folder);
  const std::string real = directory.path() + "/dotfiles";
  write(real, "a.example\n");
  std::filesystem::create_symlink(real, file);
  add({"b.example"});
  EXPECT_TRUE(std::filesystem::is_symlink(file));
  EXPECT_EQ(read(real), "a.example\nb.example\n");
  std::filesystem::remove(real);
  reason_of({"b.example"}, ErrorKind::invalid);
  EXPECT_TRUE(std::filesystem::is_symlink(file));
}

TEST_F(AllowlistFileTest, ADryRunTouchesNothing) {
  const auto lines = add_to_allowlist(file, {"a.example"}, {}, true);
  EXPECT_TRUE(lines.front().added);
  EXPECT_EQ(lines.front().source.to_string(), file + ":1");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/config"));
}

TEST_F(AllowlistFileTest, AFolderThatMayNotBeWrittenToIsNamed) {
  std::filesystem::create_directories(folder);
  test::give_to_nobody(directory.path());
  const auto refused = [&](const std::string& path, ErrorKind kind) {
    EXPECT_EQ(::chmod(path.c_str(), 0500), 0);
    const ScopeExit open([&] { ::chmod(path.c_str(), 0700); });
    const test::AsNobody user;
    try {
      add({"a.example"});
      ADD_FAILURE() << "it was added";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      EXPECT_EQ(error.hint(), "open the folder for yourself: chmod u+rwx " + path);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(folder, ErrorKind::permission),
            "cannot write allowlist '" + file + "': Permission denied");
  std::filesystem::remove(folder);
  EXPECT_EQ(refused(directory.path() + "/config", ErrorKind::invalid),
            "cannot make directory '" + folder + "': Permission denied");
}

TEST_F(AllowlistFileTest, SeveralAtOnceLoseNothing) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i] {
      for (int n = 0; n < 10; ++n) add({"h" + std::to_string(i) + "-" + std::to_string(n) + ".example"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read_allowlist_file(file, true).size(), 80U);
}

TEST(ParseHosts, NamesTheVerb) {
  try {
    parse_hosts({"a.example", "*.com"}, "revoke");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("cannot revoke host '*.com': it would cover a whole public suffix"));
  }
  EXPECT_EQ(parse_hosts({"a.example", "@pypi"}, "allow").size(), 3U);
}

}  // namespace
}  // namespace drydock::core
