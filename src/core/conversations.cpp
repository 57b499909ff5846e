#include "core/conversations.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

using Piece = std::array<char, 65536>;

constexpr int most_beside = 9;  // of one name and one session
constexpr const char* latest_file = "latest";
constexpr const char* fresh_prefix = ".copy-";
constexpr const char* earlier_folder = "earlier";
constexpr std::size_t most_earlier = 5;
constexpr std::uint64_t most_earlier_bytes = std::uint64_t{1} << 30;  // but for the newest

std::size_t parts_of(const std::string& path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

bool is_wild(const std::string& text) { return text.find_first_of("*?[\\") != std::string::npos; }

// The paths that a pattern may stand for below a folder, each to be looked at by itself: what is beside them
// counts for no limit. A folder on the way that cannot be listed is handed to `refused`.
std::vector<std::string> expand(int folder, const std::string& pattern, std::size_t most,
                                const Refused& refused) {
  std::vector<std::string> paths{""};
  bool wild = false;
  for (const std::string& part : split(pattern, '/')) {
    std::vector<std::string> longer;
    for (const std::string& path : paths) {
      const std::string before = path.empty() ? path : path + "/";
      if (!is_wild(part)) {
        longer.push_back(before + part);
        continue;
      }
      const auto names = names_below(folder, path);
      // What is no folder, behind a name that only may be one, has nothing.
      const bool none = errno == ENOENT || (wild && (errno == ENOTDIR || errno == ELOOP));
      if (!names && !none) refused(path, with_errno("open", errno));
      for (const std::string& name : names.value_or(std::vector<std::string>{})) {
        if (::fnmatch(part.c_str(), name.c_str(), FNM_PATHNAME) != 0) continue;
        if (longer.size() == most) {
          refused(path, "there are too many files");
          break;
        }
        longer.push_back(before + name);
      }
    }
    wild = wild || is_wild(part);
    paths = std::move(longer);
  }
  if (!wild) return paths;
  paths.erase(std::remove_if(paths.begin(), paths.end(),
                             [&](const std::string& path) {
                               return !open_below(folder, path, O_PATH) &&
                                      (errno == ENOENT || errno == ENOTDIR || errno == ELOOP);
                             }),
              paths.end());
  return paths;
}

Error unreadable(const std::string& path, int cause) {
  return Error(ErrorKind::permission, with_errno("cannot read file '" + printable(path, 300) + "'", cause));
}

// As much as there is, up to a piece.
std::size_t read_piece(int file, Piece& piece, const std::string& path) {
  std::size_t size = 0;
  while (size < piece.size()) {
    const ssize_t count = ::read(file, piece.data() + size, piece.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw unreadable(path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  return size;
}

enum class Relation { same, continues, behind, differs };

// What a session's file is to the stored one.
Relation relation_of(int own, int stored, const std::string& path) {
  const auto ours = std::make_unique<Piece>();
  const auto theirs = std::make_unique<Piece>();
  while (true) {
    const std::size_t own_size = read_piece(own, *ours, path);
    const std::size_t stored_size = read_piece(stored, *theirs, path);
    if (std::memcmp(ours->data(), theirs->data(), std::min(own_size, stored_size)) != 0)
      return Relation::differs;
    if (own_size > stored_size) return Relation::continues;
    if (own_size < stored_size) return Relation::behind;
    if (own_size < ours->size()) return Relation::same;
  }
}

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

// True when it was kept under another name, which `name` then is.
bool bring_conversation(int home, const std::string& file, int state, std::string& name,
                        const std::string& session, const Refused& refused) {
  const std::string wanted = name;
  const UniqueFd own = open_below(home, file, O_RDONLY);
  if (!own || !is_regular(own.get())) {
    refused(file, "it cannot be read");
    return false;
  }
  for (int attempt = 0; attempt <= most_beside; ++attempt) {
    if (attempt > 0) name = wanted + "~" + session + (attempt == 1 ? "" : "." + std::to_string(attempt));
    const UniqueFd stored = open_below(state, name, O_RDONLY);
    const int cause = errno;
    if (!stored && (cause == ENOTDIR || cause == ENAMETOOLONG || cause == ELOOP)) {
      refused(file, with_errno("it has no place in the store", cause));
      return false;
    }
    if (!stored && cause != ENOENT) throw unreadable(name, cause);
    if (!stored) {
      copy_below(home, file, state, name, std::nullopt, true);
      return attempt > 0;
    }
    if (!is_regular(stored.get())) continue;
    if (::lseek(own.get(), 0, SEEK_SET) != 0) throw unreadable(file, errno);
    const Relation relation = relation_of(own.get(), stored.get(), file);
    if (relation == Relation::continues) copy_below(home, file, state, name, std::nullopt, true);
    if (relation != Relation::differs) return false;
  }
  refused(file, "there are too many others of its name");
  return false;
}

bool is_session_name(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos;
}

std::string latest_session(int state, const std::string& store) {
  const auto text = read_below(state, store + "/" + latest_file, 100);
  const std::string session(text ? trim(*text) : std::string_view{});
  return is_session_name(session) ? session : std::string{};
}

std::uint64_t size_of_tree(const fs::path& folder) {
  std::uint64_t size = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error) && !error) size += entry.file_size(error);
  }
  return size;
}

// A copy that another one has taken the place of: the newest of them stay, for what a session empties is
// empty for all that follow.
void keep_earlier(int state, const std::string& state_path, const std::string& store,
                  const std::string& session) {
  std::error_code error;
  if (!fs::is_directory(state_path + "/" + store + "/" + session, error)) return;
  const std::string earlier = store + "/" + earlier_folder;
  make_folders_below(state, earlier, std::nullopt);
  exchange_below(state, store + "/" + session, earlier + "/" + session);
  remove_tree(state_path + "/" + store + "/" + session);  // an older one of that name, if there was one
  std::vector<std::pair<fs::file_time_type, fs::path>> copies;
  for (const auto& entry : fs::directory_iterator(state_path + "/" + earlier, error))
    copies.emplace_back(entry.last_write_time(error), entry.path());
  std::sort(copies.rbegin(), copies.rend());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    bytes += size_of_tree(copies[i].second);
    if (i >= most_earlier || (i > 0 && bytes > most_earlier_bytes)) remove_tree(copies[i].second);
  }
}

void refuse_part(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::refused,
              "cannot keep '" + printable(path, 300) + "' of the session's state: " + reason);
}

}  // namespace

bool is_in(const std::string& path, const std::string& pattern) {
  std::size_t end = 0;
  for (std::size_t left = parts_of(pattern); left > 0; --left) {
    end = path.find('/', end == 0 ? 0 : end + 1);
    if (end == std::string::npos) {
      if (left > 1) return false;
      break;
    }
  }
  return ::fnmatch(pattern.c_str(), path.substr(0, end).c_str(), FNM_PATHNAME) == 0;
}

bool is_in_any(const std::string& path, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return is_in(path, pattern); });
}

void walk_pattern(int folder, const std::string& pattern, const TreeLimits& limits, const Visit& visit,
                  const Refused& refused) {
  TreeLimits left = limits;
  const auto counted = [&](const std::string& file, const struct stat& status) {
    if (left.files > 0) --left.files;
    visit(file, status);
  };
  for (const std::string& path : expand(folder, pattern, limits.files, refused)) {
    const TreeLimits now = left;
    walk_files(folder, path, now, counted, refused);
  }
}

std::vector<std::string> bring_conversations(int home, const std::vector<std::string>& patterns,
                                             const std::vector<std::string>& except, int state,
                                             const std::string& store, const std::string& session,
                                             const Refused& refused) {
  std::vector<std::string> beside;
  for (const std::string& pattern : patterns) {
    walk_pattern(
        home, pattern, {},
        [&](const std::string& file, const struct stat&) {
          if (is_in_any(file, except)) return;
          std::string name = store + "/" + file;
          if (bring_conversation(home, file, state, name, session, refused))
            beside.push_back(name.substr(store.size() + 1));
        },
        [&](const std::string& path, const std::string& reason) {
          if (!is_in_any(path, except)) refused(path, reason);
        });
  }
  return beside;
}

std::string latest_copy(int state, const std::string& store) {
  const std::string session = latest_session(state, store);
  return session.empty() ? session : store + "/" + session;
}

std::string digest_of_copy(int folder, const std::vector<std::string>& patterns) {
  Sha256 digest;
  bool any = false;
  const auto piece = std::make_unique<Piece>();
  for (const std::string& pattern : patterns) {
    walk_pattern(
        folder, pattern, whole_copy_limits,
        [&](const std::string& file, const struct stat& status) {
          const UniqueFd opened = open_below(folder, file, O_RDONLY);
          if (!opened || !is_regular(opened.get())) refuse_part(file, "it cannot be read");
          any = true;
          digest.update(file + '\0' + std::to_string(status.st_size) + '\0');
          while (const std::size_t size = read_piece(opened.get(), *piece, file))
            digest.update(std::string_view(piece->data(), size));
        },
        refuse_part);
  }
  return any ? digest.finish() : std::string{};
}

WholeCopyResult bring_whole_copy(int home, const std::vector<std::string>& patterns, int state,
                                 const std::string& state_path, const std::string& store,
                                 const std::string& session, const WholeCopy& began) {
  WholeCopyResult result{began, {}};
  const std::string digest = digest_of_copy(home, patterns);
  if (digest == began.digest) return result;
  make_folders_below(state, store, std::nullopt);
  const std::string folder = state_path + "/" + store;
  remove_beginning_with(folder, fresh_prefix);
  const std::string fresh = store + "/" + fresh_prefix + random_hex(16);
  make_folders_below(state, fresh, std::nullopt);
  for (const std::string& pattern : patterns) {
    walk_pattern(
        home, pattern, whole_copy_limits,
        [&](const std::string& file, const struct stat&) {
          copy_below(home, file, state, fresh + "/" + file, std::nullopt, false);
        },
        refuse_part);
  }
  if (::syncfs(state) != 0)
    throw Error(ErrorKind::permission,
                with_errno("cannot write folder '" + printable(fresh, 300) + "'", errno));
  // One of this name is the session's own, from when it was looked at before.
  exchange_below(state, fresh, store + "/" + session);
  const std::string before = latest_session(state, store);
  TempFile file(fresh_prefix, folder);
  file.write(session + "\n");
  file.move_to(folder + "/" + latest_file);
  result.now = {session, digest};
  remove_beginning_with(folder, fresh_prefix);
  if (before.empty() || before == session) return result;
  const auto is_the_same = [&] {
    const UniqueFd other = open_below(state, store + "/" + before, O_RDONLY | O_DIRECTORY);
    return other && digest_of_copy(other.get(), patterns) == digest;
  };
  if (before == began.session || is_the_same()) {
    keep_earlier(state, state_path, store, before);
  } else {
    result.displaced = before;
  }
  return result;
}

}  // namespace drydock::core
