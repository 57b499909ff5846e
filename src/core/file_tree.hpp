// Files below a folder that somebody else may have filled: no link is followed, and nothing outside is
// reached. Paths are relative to the folder, with '/' between their parts.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::core {

// Who is to own what is made; absent: who makes it.
struct FileOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct TreeLimits {
  std::size_t files = 20000;
  std::size_t depth = 16;
  std::uint64_t file_size = std::uint64_t{256} << 20;
};

// openat2(2) that leaves the folder by no link; invalid, with errno, when it cannot be opened.
UniqueFd open_below(int folder, const std::string& path, int flags, unsigned mode = 0);
// The folder itself. Throws Error(invalid).
UniqueFd open_folder(const std::string& path);

// The names in a folder, in order; nothing, with errno, when it cannot be listed.
std::optional<std::vector<std::string>> names_below(int folder, const std::string& path);

// The regular files at or below `path`, in the order of their names; an absent path has none. What is neither
// folder nor regular file, and what is beyond the limits, is handed to `refused` with the reason.
void walk_files(int folder, const std::string& path, const TreeLimits& limits,
                const std::function<void(const std::string&, const struct stat&)>& visit,
                const std::function<void(const std::string&, const std::string&)>& refused);

// mkdir -p, mode 0700. Throws Error(permission).
void make_folders_below(int folder, const std::string& path, const std::optional<FileOwner>& owner);

inline constexpr const char* unfinished_prefix = ".drydock-";

// Copies a regular file to `target` below another folder, whose folders are made: mode 0600, or 0700 for one
// that its owner may execute. With `durable` it takes the place of what is there at once, and is on the disk
// (fsync, rename); else nothing may be there. Until then it is in the folder `to` itself, under a name with
// unfinished_prefix, which whoever is killed leaves there. Throws Error (invalid, permission).
void copy_below(int from, const std::string& source, int to, const std::string& target,
                const std::optional<FileOwner>& owner, bool durable);

// Writes a file of mode 0600, whose folders are made, whole or not at all: it takes the place of what is
// there. Throws Error(permission).
void write_below(int folder, const std::string& path, std::string_view text,
                 const std::optional<FileOwner>& owner);

// The text of a small regular file, or nothing: it is absent, none, or larger.
std::optional<std::string> read_below(int folder, const std::string& path, std::size_t largest);

// Deletes what is in a folder and is named so: what a process left unfinished that is no more.
void remove_beginning_with(const std::string& folder, const std::string& prefix);

// Two folders below one change their places at once (renameat2), or the first takes the second's when that is
// absent. Throws Error(permission).
void exchange_below(int folder, const std::string& fresh, const std::string& name);

}  // namespace drydock::core
