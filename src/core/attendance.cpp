#include "core/attendance.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/owner.hpp"
#include "core/sessions.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view status_key = "status=";

std::string attendance_directory(const std::string& session) {
  return session_directory(session) + "/attached";
}

void append(int fd, const std::string& line) {
  // Short and at once: O_APPEND makes it whole.
  if (::write(fd, line.data(), line.size()) < 0) log::debug("attendance: {}", std::strerror(errno));
}

std::vector<std::string> entries(const std::string& session) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(attendance_directory(session), failed)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Attendance::Attendance(const std::string& session) {
  const std::string directory = attendance_directory(session);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return;
  path_ = directory + "/" + std::to_string(::getpid());
  ::unlink(path_.c_str());  // of a process that had this id before
  file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!file_) return;
  append(file_.get(), Owner::self().to_text() + "\n");
}

Attendance::~Attendance() {
  if (file_) ::unlink(path_.c_str());
}

std::optional<int> Attendance::recorded_status() const {
  std::array<char, 4096> text{};
  const ssize_t size = file_ ? ::pread(file_.get(), text.data(), text.size(), 0) : -1;
  if (size <= 0) return std::nullopt;
  std::optional<int> status;
  for (const std::string& line : split({text.data(), static_cast<std::size_t>(size)}, '\n')) {
    int value = 0;
    if (starts_with(line, status_key) &&
        std::from_chars(line.data() + status_key.size(), line.data() + line.size(), value).ec ==
            std::errc{}) {
      status = value;
    }
  }
  return status;
}

std::vector<int> others_attached(const std::string& session) {
  std::vector<int> pids;
  for (const std::string& path : entries(session)) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    const auto owner = Owner::from_text(line);
    if (owner && owner->pid != ::getpid() && liveness(*owner) == Liveness::alive) pids.push_back(owner->pid);
  }
  return pids;
}

void record_status(const std::string& session, int status) {
  for (const std::string& path : entries(session)) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    if (file) append(file.get(), std::string(status_key) + std::to_string(status) + "\n");
  }
}

}  // namespace drydock::core
