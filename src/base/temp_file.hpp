// A file (0600) or directory (0700) that is removed when its object goes; under $TMPDIR or /tmp unless said
// otherwise.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace drydock {

class TempFile {
 public:
  // `prefix` begins the file's name. Throws Error if it cannot be made.
  explicit TempFile(std::string_view prefix = "drydock", const std::string& directory = {});
  ~TempFile();
  TempFile(TempFile&&) noexcept;
  TempFile& operator=(TempFile&&) noexcept;

  const std::string& path() const { return path_; }
  // Appends. Throws Error(permission).
  void write(std::string_view bytes) const;
  // Takes the place of `path` at once, with all that was written (rename(2), fsync(2)): others see the old
  // file or the new one. It must be in the same folder, and stays. Throws Error(permission); the old file is
  // then as it was.
  void move_to(const std::string& path);
  // Open for reading and writing, close-on-exec.
  int fd() const { return fd_.get(); }

 private:
  std::string path_;
  UniqueFd fd_;
};

class TempDir {
 public:
  explicit TempDir(std::string_view prefix = "drydock", const std::string& directory = {});
  ~TempDir();  // with all that is in it
  TempDir(TempDir&&) noexcept;
  TempDir& operator=(TempDir&&) noexcept;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace drydock
