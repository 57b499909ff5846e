// Root reads and writes everything. What a mode keeps a user from is looked at as nobody, where tests run as
// root; else as whoever runs them.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace drydock::test {

constexpr uid_t nobody = 65534;

class AsNobody {
 public:
  AsNobody() {
    if (root_ && ::seteuid(nobody) != 0) std::abort();
  }
  ~AsNobody() {
    if (root_ && ::seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool root_ = ::geteuid() == 0;
};

// Makes a folder and what is in it that user's.
inline void give_to_nobody(const std::string& folder) {
  if (::geteuid() != 0) return;
  const auto give = [](const std::string& path) {
    if (::lchown(path.c_str(), nobody, nobody) != 0) std::abort();
  };
  give(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) give(entry.path().string());
}

}  // namespace drydock::test
