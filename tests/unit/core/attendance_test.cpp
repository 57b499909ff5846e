#include "core/attendance.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "core/owner.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

class AttendanceTest : public ::testing::Test {
 protected:
  AttendanceTest() {
    ::setenv("XDG_RUNTIME_DIR", runtime.path().c_str(), 1);
    make_session_directory(id, "podman", Owner::self());
  }
  // A process that attends until its pipe is closed, then ends with the status it was told, or 99.
  pid_t attend(UniqueFd& leave) {
    int ready[2];
    int go[2];
    EXPECT_EQ(::pipe(ready), 0);
    EXPECT_EQ(::pipe(go), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(go[1]);
      const Attendance attendance(id);
      char byte = 'r';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(98);
      while (::read(go[0], &byte, 1) > 0) {
      }
      ::_exit(attendance.recorded_status().value_or(99));
    }
    ::close(ready[1]);
    ::close(go[0]);
    leave.reset(go[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    return child;
  }
  int end(pid_t child, UniqueFd& leave) {
    leave.reset();
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }

  TempDir runtime;
  const std::string id = "0a1b2c3d";
};

TEST_F(AttendanceTest, OthersAreSeenWhileTheyLive) {
  const Attendance mine(id);
  EXPECT_TRUE(others_attached(id).empty()) << "oneself is no other";
  UniqueFd leave;
  const pid_t other = attend(leave);
  EXPECT_EQ(others_attached(id), std::vector<int>{other});
  EXPECT_EQ(end(other, leave), 99);
  // _exit has run no destructor: its entry is there and does not count.
  EXPECT_TRUE(std::filesystem::exists(session_directory(id) + "/attached/" + std::to_string(other)));
  EXPECT_TRUE(others_attached(id).empty());
}

TEST_F(AttendanceTest, AnotherProcessOfTheSameIdDoesNotCount) {
  UniqueFd leave;
  const pid_t other = attend(leave);
  const std::string path = session_directory(id) + "/attached/" + std::to_string(other);
  std::string line;
  std::getline(std::ifstream(path), line);
  auto owner = Owner::from_text(line);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, other);
  owner->start = "1";
  std::ofstream(path) << owner->to_text() << "\n";
  EXPECT_TRUE(others_attached(id).empty());
  std::ofstream(path) << "garbage\n";
  EXPECT_TRUE(others_attached(id).empty());
  end(other, leave);
}

TEST_F(AttendanceTest, TheStatusOutlivesTheFolder) {
  UniqueFd leave;
  const pid_t other = attend(leave);
  record_status(id, 42);
  std::filesystem::remove_all(session_directory(id));
  EXPECT_EQ(end(other, leave), 42);
}

TEST_F(AttendanceTest, WithoutAFolderNothingIsWrong) {
  const Attendance nowhere("ffffffff");
  EXPECT_EQ(nowhere.recorded_status(), std::nullopt);
  record_status("ffffffff", 1);
  EXPECT_TRUE(others_attached("ffffffff").empty());
  EXPECT_FALSE(std::filesystem::exists(session_directory("ffffffff")));
}

}  // namespace
}  // namespace drydock::core
