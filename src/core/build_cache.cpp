#include "core/build_cache.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/directories.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

// The names of what is in the making, each followed by a dot and six characters: base/temp_file.hpp.
constexpr std::array unfinished{"making",        "fetching",      "drydock-agent",
                                "drydock-base", "drydock-image", "drydock-layer"};
constexpr std::chrono::hours longest_build{24};

bool is_unfinished(const std::string& name) {
  return std::any_of(unfinished.begin(), unfinished.end(), [&](const std::string& kind) {
    return starts_with(name, kind + ".") && name.size() == kind.size() + 7;
  });
}

void remove_leftovers(const std::string& directory) {
  const auto before = fs::file_time_type::clock::now() - longest_build;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    if (!is_unfinished(entry.path().filename())) continue;
    std::error_code unknown;
    const auto changed = entry.last_write_time(unknown);
    if (!unknown && changed < before) remove_tree(entry.path());
  }
}

std::string made(const std::string& directory) {
  make_directories(directory, 0700);
  remove_leftovers(directory);
  return directory;
}

}  // namespace

std::string build_cache() { return made(cache_directory()); }

std::string npm_cache() { return made(cache_directory() + "/npm"); }

}  // namespace drydock::core
