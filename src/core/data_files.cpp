#include "core/data_files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t max_size = 1 << 20;

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
    throw Error(ErrorKind::invalid,
                "cannot read folder '" + printable(directory, 300) + "': " + error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_data_file(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || !fs::is_regular_file(path) || size > max_size) {
    throw Error(ErrorKind::invalid, "cannot read file '" + printable(path, 300) + "': " +
                                        (error ? error.message() : "it is no regular file, or over 1 MiB"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && !file.eof())
    throw Error(ErrorKind::invalid, with_errno("cannot read file '" + printable(path, 300) + "'", errno));
  return text;
}

}  // namespace drydock::core
