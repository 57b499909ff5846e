#include "core/git_identity.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

class GitIdentityTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(home.path() + "/" + name) << text;
  }

  void SetUp() override {
    environment.set("HOME", home.path());
    environment.set("XDG_CONFIG_HOME", home.path() + "/config");
    environment.set("GIT_CONFIG_GLOBAL", std::nullopt);
    environment.set("GIT_DIR", std::nullopt);
  }

  TempDir home;
  test::Environment environment;
};

TEST_F(GitIdentityTest, IsNameAndAddressAlone) {
  write(".gitconfig",
        "[user]\n\tname = A \"quoted\\\" Name\"\n\temail = me@example.org\n\tsigningkey = ABCD\n"
        "[credential]\n\thelper = store\n[url \"x\"]\n\tinsteadOf = y\n");
  const GitIdentity identity = read_git_identity();
  EXPECT_EQ(identity.name, "A quoted\" Name");
  EXPECT_EQ(identity.email, "me@example.org");
  EXPECT_EQ(git_config_text(identity),
            "[include]\n\tpath = /etc/gitconfig\n[user]\n\tname = \"A quoted\\\" Name\"\n"
            "\temail = \"me@example.org\"\n");
}

TEST_F(GitIdentityTest, WhatIsIncludedCountsAndTheLastOfSeveral) {
  write("more", "[user]\n\temail = work@example.org\n");
  write(".gitconfig", "[user]\n\temail = me@example.org\n[include]\n\tpath = more\n");
  EXPECT_EQ(read_git_identity().email, "work@example.org");
}

TEST_F(GitIdentityTest, WithoutOneThereIsNoFile) {
  EXPECT_EQ(git_config_text(read_git_identity()), "");
  write(".gitconfig", "[user\n");
  EXPECT_EQ(git_config_text(read_git_identity()), "") << "one that git cannot read";
  write(".gitconfig", "[user]\n\tname = \"a\\nb\"\n");
  EXPECT_EQ(git_config_text(read_git_identity()), "") << "a line's end has no place in a name";
}

// INV-10: the folder that drydock is called in has no say.
TEST_F(GitIdentityTest, TheProjectsOwnIsNotRead) {
  const TempDir project;
  std::filesystem::create_directories(project.path() + "/.git/objects");
  std::filesystem::create_directories(project.path() + "/.git/refs");
  std::ofstream(project.path() + "/.git/HEAD") << "ref: refs/heads/main\n";
  std::ofstream(project.path() + "/.git/config")
      << "[core]\n\trepositoryformatversion = 0\n[user]\n\tname = planted\n";
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(project.path());
  const GitIdentity identity = read_git_identity();
  std::filesystem::current_path(before);
  EXPECT_EQ(identity.name, "");
}

}  // namespace
}  // namespace drydock::core
