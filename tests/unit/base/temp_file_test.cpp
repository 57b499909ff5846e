#include "base/temp_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace drydock {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

// Points $TMPDIR somewhere for a test's time.
class Tmpdir {
 public:
  explicit Tmpdir(const char* value) {
    if (const char* now = std::getenv("TMPDIR")) earlier_ = now;
    value != nullptr ? ::setenv("TMPDIR", value, 1) : ::unsetenv("TMPDIR");
  }
  ~Tmpdir() { earlier_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", earlier_.c_str(), 1); }
  Tmpdir(const Tmpdir&) = delete;
  Tmpdir& operator=(const Tmpdir&) = delete;

 private:
  std::string earlier_;
};

TEST(TempFile, IsPrivateAndGoesWithItsObject) {
  std::string path;
  {
    const TempFile file("unit");
    path = file.path();
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(::write(file.fd(), "x", 1), 1);
    EXPECT_EQ(fs::file_size(path), 1U);
    EXPECT_NE(::fcntl(file.fd(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(path.find("/unit."), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TempFile, MovesWithoutLosingTheFile) {
  TempFile first;
  const std::string path = first.path();
  TempFile second(std::move(first));
  EXPECT_EQ(second.path(), path);
  EXPECT_TRUE(fs::exists(path));
  const std::string other = [&] {
    TempFile third;
    const std::string name = third.path();
    second = std::move(third);
    return name;
  }();
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(other));
}

TEST(TempDir, IsPrivateAndGoesWithAllThatIsInIt) {
  std::string path;
  {
    const TempDir directory("unit");
    path = directory.path();
    EXPECT_EQ(mode_of(path), 0700U);
    fs::create_directories(path + "/a/b");
    std::ofstream(path + "/a/b/file") << "x";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TempDir, RemovesASymlinkAndNotItsTarget) {
  const TempDir outside;
  std::ofstream(outside.path() + "/kept") << "x";
  {
    const TempDir directory;
    fs::create_directory_symlink(outside.path(), directory.path() + "/link");
  }
  EXPECT_TRUE(fs::exists(outside.path() + "/kept"));
}

TEST(TempFile, HonoursTmpdir) {
  const TempDir directory;
  const Tmpdir set(directory.path().c_str());
  const TempFile file;
  EXPECT_EQ(fs::path(file.path()).parent_path(), directory.path());
}

TEST(TempFile, IgnoresARelativeTmpdir) {
  const Tmpdir set("relative/place");
  const TempFile file;
  EXPECT_EQ(fs::path(file.path()).parent_path(), "/tmp");
}

TEST(TempFile, SaysWhereItCouldNotBeMade) {
  const Tmpdir set("/nonexistent");
  try {
    const TempFile file;
    FAIL() << "made a file in a directory that does not exist";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'/nonexistent/drydock."), std::string::npos) << error.what();
  }
  EXPECT_THROW(TempDir(), Error);
}

}  // namespace
}  // namespace drydock
