#include "base/input_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class InputFile : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder.path() + "/" + name; }
  std::string file(const std::string& text) const {
    std::ofstream(path("file"), std::ios::binary) << text;
    return path("file");
  }
  static void expect_fault(const std::string& path, int cause, const std::string& reason) {
    const auto content = read_input_file(path, nullptr);
    ASSERT_FALSE(content) << path;
    EXPECT_EQ(content.error().cause, cause) << path;
    EXPECT_EQ(content.error().reason, reason) << path;
  }

  TempDir folder;
};

// The two ends of a pipe, and the name that a shell gives the first.
struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  std::string name() const { return "/dev/fd/" + std::to_string(read.get()); }
  UniqueFd read;
  UniqueFd write;
};

TEST_F(InputFile, IsReadWhole) {
  const std::string text = std::string(max_input_size - 1, 'x') + '\n';
  EXPECT_EQ(read_input_file(file(text), nullptr).value(), text);
  EXPECT_EQ(read_input_file(file(""), nullptr).value(), "");
  EXPECT_EQ(read_input_file(file("\xef\xbb\xbfkey = \xef\xbb\xbf\n"), nullptr).value(),
            "key = \xef\xbb\xbf\n");
  EXPECT_EQ(read_input_file("/dev/null", nullptr).value(), "");
  expect_fault(file(std::string(max_input_size + 1, 'x')), EFBIG, "it is larger than 1 MiB");
}

TEST_F(InputFile, MayBeAPipeOfTheShell) {
  Pipe pipe;
  std::thread writer([&] {
    for (const char* part : {"first\n", "second\n"}) {
      std::this_thread::sleep_for(milliseconds(30));
      EXPECT_GT(::write(pipe.write.get(), part, std::strlen(part)), 0);
    }
    pipe.write.reset();
  });
  const auto content = read_input_file(pipe.name(), nullptr);
  writer.join();
  EXPECT_EQ(content.value(), "first\nsecond\n");
}

TEST_F(InputFile, AWaitForAPipeEndsWithASignal) {
  const Pipe pipe;
  StopSource stop;
  std::thread signal([&] {
    std::this_thread::sleep_for(milliseconds(30));
    stop.request(SIGTERM);
  });
  EXPECT_THROW(read_input_file(pipe.name(), &stop), Interrupted);
  signal.join();
}

TEST_F(InputFile, NothingElseIsOne) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  expect_fault(path("fifo"), EINVAL, "it is not a regular file");
  const UniqueFd writer(::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC));
  expect_fault(path("fifo"), EINVAL, "it is not a regular file");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  expect_fault(path("socket"), EINVAL, "it is not a regular file");
  expect_fault("/dev/zero", EINVAL, "it is not a regular file");
  expect_fault(folder.path(), EISDIR, "it is a directory");
}

TEST_F(InputFile, ALinkToNothingIsNotAbsence) {
  expect_fault(path("none"), ENOENT, "No such file or directory");
  expect_fault(path("none/file"), ENOENT, "No such file or directory");
  expect_fault(file("") + "/file", ENOTDIR, "Not a directory");
  fs::create_symlink("nowhere", path("link"));
  expect_fault(path("link"), ELOOP, "it is a symbolic link to nothing");
  expect_fault(path("link/deeper/file"), ELOOP, "'" + path("link") + "' is a symbolic link to nothing");
  fs::create_symlink(folder.path(), path("folder"));
  expect_fault(path("folder/none"), ENOENT, "No such file or directory");
}

}  // namespace
}  // namespace drydock
