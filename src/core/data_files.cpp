#include "core/data_files.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/error.hpp"
#include "base/obstacle.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_size = std::size_t{1} << 20;

}  // namespace

std::string shipped_data_directory(const std::string& folder, const std::string& what) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path beside = own / folder;
  const fs::path installed = (own / "../share/drydock" / folder).lexically_normal();
  for (const fs::path& directory : {beside, installed}) {
    if (fs::is_directory(directory, error)) return directory.string();
  }
  throw Error(ErrorKind::not_found,
              "cannot read " + what + ": there are none in '" + beside.string() + "' nor in '" +
                  installed.string() + "'",
              "install drydock again, whole");
}

std::vector<std::string> data_files(const std::string& directory, const std::string& ending) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (ends_with(entry->path().filename().string(), ending)) files.push_back(entry->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    const Obstacle obstacle = obstacle_to(Access::list_folder, directory, error.value());
    throw Error(ErrorKind::invalid,
                "cannot read folder '" + printable(directory, 300) + "': " + obstacle.reason, obstacle.hint);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_data_file(const std::string& path) {
  auto text = read_file(path, max_size);
  if (text) return *std::move(text);
  throw Error(ErrorKind::invalid, "cannot read file '" + printable(path, 300) + "': " + text.error().reason,
              text.error().hint);
}

}  // namespace drydock::core
