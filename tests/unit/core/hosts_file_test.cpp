#include "core/hosts_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

const std::string fixed = "127.0.0.1 localhost\n10.231.0.11 drydock\n10.231.0.10 drydock-egress\n";

TEST(HostsFile, NamesOfTheSidecarAreReplacedAndNothingElse) {
  const std::string text = fixed + "127.0.0.1 host.docker.internal\n10.231.0.10 old.example\n";
  EXPECT_EQ(with_names(text, {"a.example", "b.example"}),
            fixed + "127.0.0.1 host.docker.internal\n10.231.0.10 a.example\n10.231.0.10 b.example\n");
  EXPECT_EQ(with_names(text, {}), fixed + "127.0.0.1 host.docker.internal\n");
  EXPECT_EQ(with_names(with_names(text, {"a.example"}), {"old.example"}), text);
}

TEST(HostsFile, AnAddressThatOnlyBeginsLikeTheSidecarsIsAnother) {
  const std::string text = fixed + "10.231.0.100 other\n";
  EXPECT_EQ(with_names(text, {}), text);
}

TEST(HostsFile, OneThatIsNotDrydocksIsLeftAlone) {
  EXPECT_EQ(with_names("127.0.0.1 localhost\n", {"a.example"}), "127.0.0.1 localhost\n");
  EXPECT_EQ(with_names("", {"a.example"}), "");
}

class RewriteTest : public testing::Test {
 protected:
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TempDir directory;
  std::string path = directory.path() + "/hosts";
};

// A mount shows the file that it was made of.
TEST_F(RewriteTest, TheFileStaysTheSame) {
  std::ofstream(path) << fixed;
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  rewrite(path, fixed + "more\n");
  EXPECT_EQ(text(), fixed + "more\n");
  rewrite(path, "less\n");
  EXPECT_EQ(text(), "less\n");
  struct stat after {};
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode, before.st_mode);
}

TEST_F(RewriteTest, NothingIsMadeAndNoLinkFollowed) {
  EXPECT_THROW(rewrite(path, fixed), Error);
  EXPECT_FALSE(std::filesystem::exists(path));
  std::ofstream(directory.path() + "/other") << "other\n";
  std::filesystem::create_symlink(directory.path() + "/other", path);
  EXPECT_THROW(rewrite(path, fixed), Error);
  EXPECT_EQ(text(), "other\n");
}

}  // namespace
}  // namespace drydock::core
