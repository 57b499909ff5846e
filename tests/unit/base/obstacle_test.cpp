#include "base/obstacle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"
#include "nobody.hpp"

namespace drydock {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Obstacles : public testing::Test {
 protected:
  Obstacles() {
    fs::create_directories(at("out/in"));
    for (const char* name : {"out/in/file", "a file"}) std::ofstream(at(name)) << "text";
    test::give_to_nobody(folder.path());
  }
  // A test that fails half-way must not leave what cannot be removed.
  ~Obstacles() override { fs::permissions(at("out"), fs::perms::owner_all); }
  std::string at(const std::string& name) const { return folder.path() + "/" + name; }
  void close(const std::string& name) const { ASSERT_EQ(::chmod(at(name).c_str(), 0), 0); }
  static Obstacle in_the_way(const std::string& path) {
    const test::AsNobody user;
    const auto text = read_file(path, 1 << 20);
    return text ? Obstacle{} : text.error();
  }
  // What the hint says is a command, and after it the file can be read.
  void expect_mended_by(const std::string& path, const std::string& words, const std::string& command) const {
    const Obstacle obstacle = in_the_way(path);
    EXPECT_EQ(obstacle.cause, EACCES);
    EXPECT_EQ(obstacle.reason, "Permission denied");
    EXPECT_EQ(obstacle.hint, words + ": " + command);
    const test::AsNobody user;
    run_checked({"sh", "-c", command});
    EXPECT_TRUE(read_file(path, 1 << 20)) << command;
  }

  TempDir folder;
};

TEST_F(Obstacles, AFileWithoutPermissionIsMadeReadable) {
  close("a file");
  expect_mended_by(at("a file"), "make it readable for you", "chmod u+r '" + at("a file") + "'");
}

TEST_F(Obstacles, AFolderOnTheWayIsNamedAndNotTheFile) {
  const std::string file = at("out/in/file");
  close("out/in");
  expect_mended_by(file, "open the folder for yourself", "chmod u+rwx " + at("out/in"));
  close("out");
  expect_mended_by(file, "open the folder for yourself", "chmod u+rwx " + at("out"));
  // A link, as the file and on the way.
  ASSERT_EQ(::symlink("out/in/file", at("link").c_str()), 0);
  ASSERT_EQ(::symlink("out", at("way").c_str()), 0);
  close("out");
  expect_mended_by(at("link"), "open the folder for yourself", "chmod u+rwx " + at("out"));
  close("out");
  expect_mended_by(at("way/in/file"), "open the folder for yourself", "chmod u+rwx " + at("out"));
}

TEST_F(Obstacles, AFolderThatCannotBeListedIsOpened) {
  close("out");
  const test::AsNobody user;
  EXPECT_EQ(obstacle_to(Access::list_folder, at("out"), EACCES).hint,
            "open the folder for yourself: chmod u+rwx " + at("out"));
  EXPECT_EQ(obstacle_to(Access::list_folder, at("out/in"), EACCES).hint,
            "open the folder for yourself: chmod u+rwx " + at("out"));
}

TEST_F(Obstacles, WhatIsAnothersIsToldByItsOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a file another's";
  std::ofstream(at("roots")) << "x";
  close("roots");
  EXPECT_EQ(in_the_way(at("roots")).hint,
            "have root, whose it is, make it readable for you: chmod a+r " + at("roots"));
  test::Environment environment;
  environment.set("HOME", folder.path());
  EXPECT_EQ(in_the_way(at("roots")).hint,
            "make it yours, for it is root's: sudo chown nobody " + at("roots"));
  environment.set("HOME", "/");
  fs::create_directory(at("roots folder"));
  const test::AsNobody user;
  EXPECT_EQ(obstacle_to(Access::change_folder, at("roots folder"), EACCES).hint,
            "have root, whose folder it is, let you write in '" + at("roots folder") + "'");
}

TEST_F(Obstacles, AModeThatAllowsItIsNotBlamed) {
  EXPECT_EQ(obstacle_to(Access::read_file, at("out/in/file"), EACCES).hint.find("chmod u+"),
            std::string::npos);
}

TEST_F(Obstacles, WhatIsNoFileIsTold) {
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("loop", at("loop").c_str()), 0);
  ASSERT_EQ(::symlink("nothing", at("dangling").c_str()), 0);
  test::give_to_nobody(folder.path());
  const struct {
    std::string name, reason, hint;
  } cases[] = {
      {"out", "it is a directory", "put a file in its place"},
      {"fifo", "it is not a regular file", "put a file in its place"},
      {"loop", "Too many levels of symbolic links", "have it lead to a file, or remove it: rm " + at("loop")},
      {"dangling", "it is a symbolic link to nothing",
       "have it lead to a file, or remove it: rm " + at("dangling")},
      {"out/in/file/x/y", "Not a directory", "put a folder in the place of " + at("out/in/file")},
      {"none", "No such file or directory", "name one that is there"},
  };
  for (const auto& test : cases) {
    const Obstacle obstacle = in_the_way(at(test.name));
    EXPECT_EQ(obstacle.reason, test.reason) << test.name;
    EXPECT_THAT(obstacle.hint, testing::StartsWith(test.hint)) << test.name;
  }
}

TEST_F(Obstacles, AFileIsReadUpToItsLimit) {
  std::ofstream(at("large")) << std::string((1 << 20) + 1, 'x');
  EXPECT_EQ(in_the_way(at("large")).reason, "it is larger than 1 MiB");
  EXPECT_EQ(in_the_way(at("large")).cause, EFBIG);
  EXPECT_EQ(read_file(at("large"), 2 << 20)->size(), (1U << 20) + 1);
}

TEST_F(Obstacles, EveryErrorHasAHint) {
  for (const int cause :
       {EACCES, EPERM, EISDIR, ENOTDIR, ELOOP, EROFS, ENOSPC, EDQUOT, ENOENT, EIO, EMFILE}) {
    for (const Access access : {Access::read_file, Access::list_folder, Access::change_folder}) {
      EXPECT_NE(obstacle_to(access, at("out"), cause).hint, "") << cause;
      EXPECT_NE(obstacle_to(access, at("none"), cause).hint, "") << cause;
    }
  }
  EXPECT_THAT(obstacle_to(Access::change_folder, at("out"), EROFS).hint, HasSubstr("mounted read-only"));
}

class MakingDirectories : public Obstacles {
 protected:
  Error failure(const std::string& path) const {
    const test::AsNobody user;
    try {
      make_directories(path, 0700);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << path << " was made";
    return {ErrorKind::internal, ""};
  }
};

TEST_F(MakingDirectories, SaysWhyNotAndWhere) {
  ASSERT_EQ(::chmod(at("out").c_str(), 0500), 0);
  const Error refused = failure(at("out/new/deeper"));
  EXPECT_EQ(std::string(refused.what()), "cannot make directory '" + at("out/new") + "': Permission denied");
  // What is there already needs no permission.
  {
    const test::AsNobody user;
    make_directories(at("out/in/new"), 0700);
  }
  EXPECT_TRUE(fs::is_directory(at("out/in/new")));
  EXPECT_EQ(refused.hint(), "open the folder for yourself: chmod u+rwx " + at("out"));
}

TEST_F(MakingDirectories, SaysWhatIsInTheirPlace) {
  const Error file = failure(at("out/in/file/new"));
  EXPECT_EQ(std::string(file.what()), "cannot make directory '" + at("out/in/file") + "': Not a directory");
  EXPECT_EQ(file.hint(), "put a folder in the place of " + at("out/in/file"));
  ASSERT_EQ(::symlink("nothing", at("dangling").c_str()), 0);
  const Error dangling = failure(at("dangling"));
  EXPECT_THAT(dangling.what(), HasSubstr("it is a symbolic link to nothing"));
  EXPECT_THAT(dangling.hint(), HasSubstr("have it lead to a folder"));
}

TEST_F(MakingDirectories, AFolderThatCannotBeLockedIsTold) {
  close("out");
  const test::AsNobody user;
  try {
    const DirectoryLock lock(at("out"));
    FAIL() << "it is locked";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "cannot open directory '" + at("out") + "': Permission denied");
    EXPECT_EQ(error.hint(), "open the folder for yourself: chmod u+rwx " + at("out"));
  }
}

}  // namespace
}  // namespace drydock
