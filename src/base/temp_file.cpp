#include "base/temp_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace drydock {
namespace {

std::string temporary_directory() {
  const char* directory = ::getenv("TMPDIR");
  return directory != nullptr && *directory == '/' ? directory : "/tmp";
}

std::string name_template(std::string_view prefix, const std::string& directory) {
  std::string name = directory.empty() ? temporary_directory() : directory;
  if (name.back() != '/') name += '/';
  return name.append(prefix).append(".XXXXXX");
}

[[noreturn]] void fail(std::string_view noun, const std::string& name, int error) {
  throw Error(ErrorKind::permission,
              with_errno("cannot create temporary " + std::string(noun) + " '" + name + "'", error));
}

}  // namespace

TempFile::TempFile(std::string_view prefix, const std::string& directory)
    : path_(name_template(prefix, directory)) {
  const std::string wanted = path_;
  fd_.reset(::mkostemp(path_.data(), O_CLOEXEC));
  if (!fd_) fail("file", wanted, errno);
}

void TempFile::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw Error(ErrorKind::permission, with_errno("cannot write to temporary file '" + path_ + "'", errno));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void TempFile::move_to(const std::string& path) {
  if (::fsync(fd_.get()) != 0 || ::rename(path_.c_str(), path.c_str()) != 0) {
    throw Error(ErrorKind::permission, with_errno("cannot replace file '" + path + "'", errno));
  }
  path_.clear();
  const UniqueFd folder(
      ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Without it a power failure may bring the old file back, whole; no more can be lost.
  if (folder) ::fsync(folder.get());
}

TempFile::~TempFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

TempFile::TempFile(TempFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}

TempFile& TempFile::operator=(TempFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

TempDir::TempDir(std::string_view prefix, const std::string& directory)
    : path_(name_template(prefix, directory)) {
  const std::string wanted = path_;
  if (::mkdtemp(path_.data()) == nullptr) {
    path_.clear();
    fail("directory", wanted, errno);
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

}  // namespace drydock
