#include "core/allowlist_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/obstacle.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

struct Wanted {
  std::string line;
  std::vector<Entry> entries;
};

std::vector<Entry> parse_host(const std::string& host, const std::string& verb) {
  try {
    return parse_allowlist_entry(host, "HOST");
  } catch (const Error& error) {
    // On the command line it is a matter of usage, and not of a file.
    const std::string text = error.what();
    const std::string_view file_words = "cannot read allowlist 'HOST': ";
    if (!starts_with(text, file_words)) throw;
    throw Error(ErrorKind::usage, "cannot " + verb + " host " + text.substr(file_words.size()), error.hint());
  }
}

std::vector<Wanted> parse_all(const std::vector<std::string>& hosts) {
  std::vector<Wanted> all;
  for (const std::string& host : hosts) {
    Wanted wanted{{}, parse_host(host, "allow")};
    wanted.line = starts_with(trim(host), "@") ? to_lower_ascii(trim(host))
                                               : wanted.entries.front().pattern.to_string();
    all.push_back(std::move(wanted));
  }
  return all;
}

// Where a file is in truth: what takes its place must not take that of a link.
std::string resolved(const std::string& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  return failed ? path : real.string();
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The same entries of a file or of several, each with the first place where it stands.
const Entry* find_in(const std::vector<Entry>& entries, const HostPattern& pattern) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return entry.pattern == pattern; });
  return found == entries.end() ? nullptr : &*found;
}

// `name`: as the user knows it.
void write_new(const std::string& path, const std::string& name, const std::string& text) {
  const std::string folder = fs::path(path).parent_path().string();
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const Obstacle obstacle = obstacle_to(Access::change_folder, folder, errno);
    throw Error(ErrorKind::permission, "cannot write allowlist '" + name + "': " + obstacle.reason,
                obstacle.hint);
  }
  struct stat old {};
  const bool exists = ::stat(path.c_str(), &old) == 0;
  TempFile file(".egress-allowlist", folder);
  file.write(text);
  if (exists) {
    // To another owner's, only root can; the mode comes last, for a new owner takes bits away.
    const bool same_owner = old.st_uid == ::geteuid() && old.st_gid == ::getegid();
    if ((!same_owner && ::fchown(file.fd(), old.st_uid, old.st_gid) != 0) ||
        ::fchmod(file.fd(), old.st_mode & 07777) != 0) {
      throw Error(ErrorKind::permission, with_errno("cannot replace file '" + path + "'", errno),
                  "add the lines with an editor");
    }
  }
  file.move_to(path);
}

}  // namespace

std::vector<Entry> parse_hosts(const std::vector<std::string>& hosts, const std::string& verb) {
  std::vector<Entry> all;
  for (const std::string& host : hosts) {
    std::vector<Entry> entries = parse_host(host, verb);
    std::move(entries.begin(), entries.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<AddedLine> add_to_allowlist(const std::string& path, const std::vector<std::string>& hosts,
                                        const std::vector<std::string>& others, bool dry_run) {
  const std::vector<Wanted> wanted = parse_all(hosts);
  const std::string folder = fs::path(path).parent_path().string();
  std::optional<DirectoryLock> lock;
  if (!dry_run) {
    make_directories(folder, 0700);
    lock.emplace(folder);
  }
  std::vector<Entry> known;
  for (const std::string& other : others) {
    if (other == path) continue;
    std::vector<Entry> entries = read_allowlist_file(other, false);
    std::move(entries.begin(), entries.end(), std::back_inserter(known));
  }
  // Throws when it is not to be trusted as it is.
  std::vector<Entry> own = read_allowlist_file(path, false);
  std::move(own.begin(), own.end(), std::back_inserter(known));

  const std::string target = resolved(path);
  std::string text = read_text(target);
  const std::string line_end = text.find("\r\n") != std::string::npos ? "\r\n" : "\n";
  if (!text.empty() && text.back() != '\n') text += line_end;
  int line = static_cast<int>(std::count(text.begin(), text.end(), '\n'));

  std::vector<AddedLine> result;
  bool any = false;
  for (const Wanted& each : wanted) {
    const bool all_known = std::all_of(each.entries.begin(), each.entries.end(), [&](const Entry& entry) {
      return find_in(known, entry.pattern) != nullptr;
    });
    if (all_known) {
      result.push_back({each.line, false, find_in(known, each.entries.front().pattern)->source});
      continue;
    }
    text += each.line + line_end;
    any = true;
    const Source source{path, ++line};
    result.push_back({each.line, true, source});
    for (const Entry& entry : each.entries) known.push_back({entry.pattern, source});
  }
  // What is written is read again first: the next run must not stumble over it.
  parse_allowlist_text(text, path);
  if (any && !dry_run) write_new(target, path, text);
  return result;
}

}  // namespace drydock::core
