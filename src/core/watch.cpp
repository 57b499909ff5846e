#include "core/watch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/utf8.hpp"
#include "core/planted.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string, std::less<>>;

constexpr std::size_t most_entries = 50000;
constexpr std::size_t most_files = 2000;
constexpr std::size_t most_told = 50;
constexpr off_t largest_file = off_t{4} << 20;

// Wherever they are in the project; of those that are folders, in other words, only what took their place.
const Names& watched_names() {
  static const Names names{".devcontainer.json",
                           ".envrc",
                           ".git",
                           ".github",
                           ".gitlab-ci.yml",
                           ".lefthook.yml",
                           ".mcp.json",
                           ".mise.toml",
                           ".pre-commit-config.yaml",
                           ".travis.yml",
                           "GNUmakefile",
                           "Jenkinsfile",
                           "Justfile",
                           "Makefile",
                           "Taskfile.yaml",
                           "Taskfile.yml",
                           "Vagrantfile",
                           "justfile",
                           "lefthook.yml",
                           "makefile",
                           "mise.toml",
                           "opencode.json",
                           "opencode.jsonc",
                           "package.json"};
  return names;
}

// All files in a folder of this name; core/planted.hpp has the folders of which some are.
const Names& watched_folders() {
  static const Names names{".circleci", ".devcontainer", ".githooks", ".husky",
                           ".run",      ".vscode",       ".zed",      "workflows"};
  return names;
}

// Of a repository's own folder, likewise.
const Names& watched_in_git() {
  static const Names names{"commondir", "config", "config.worktree", "hooks", "info", "modules", "worktrees"};
  return names;
}

std::string of_link(const std::string& path) {
  std::error_code failed;
  return "link " + fs::read_symlink(path, failed).string();
}

std::string of_content(const std::string& name, int fd) {
  Sha256 digest;
  std::string text;
  std::array<char, 65536> block{};
  const bool json = name == "package.json";
  while (true) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return "unreadable";
    if (count == 0) break;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(count));
    digest.update(bytes);
    if (json) text += bytes;
    if (json && text.size() > static_cast<std::size_t>(largest_file)) break;
  }
  if (json) {
    const Json package = Json::parse(text, nullptr, false);
    if (package.is_object()) {
      const Json* scripts = find_member(package, "scripts");
      return "scripts " + (scripts == nullptr
                               ? ""
                               : sha256_hex(scripts->dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
  }
  return digest.finish();
}

std::string of_file(const std::string& path, const std::string& name) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return "unreadable";
  const std::string executable = (status.st_mode & S_IXUSR) != 0 ? "x " : "";
  if (!S_ISREG(status.st_mode)) return "no file";
  if (status.st_size <= largest_file) return executable + of_content(name, file.get());
  return executable + "large " + std::to_string(status.st_size) + " " +
         std::to_string(status.st_ctim.tv_sec) + "." + std::to_string(status.st_ctim.tv_nsec);
}

class Walk {
 public:
  explicit Walk(const std::string& project) : project_(project) {}

  Watch walk() {
    // First: whoever fills the project must not hide it.
    std::error_code failed;
    if (fs::is_directory(fs::symlink_status(project_ + "/.git", failed)))
      waiting_.push_back({".git", Kind::git});
    waiting_.push_back({"", Kind::plain});
    while (!waiting_.empty() && watch_.complete) {
      const Folder folder = waiting_.front();
      waiting_.pop_front();
      visit(folder);
    }
    return std::move(watch_);
  }

 private:
  enum class Kind {
    plain,    // of the project
    all,      // every file in it is watched
    places,   // some of what is in it is
    below,    // every file in it and in its folders is
    git,      // a repository's own
    hooks,    // its hooks
    info,     // git's settings for files
    modules,  // holds repositories, or folders that do: submodules, and the worktrees' parts
  };
  struct Folder {
    std::string path;  // below the project; empty: the project
    Kind kind;
  };

  void visit(const Folder& folder) {
    std::vector<fs::directory_entry> entries;
    std::error_code failed;
    auto position = fs::directory_iterator(project_ + "/" + folder.path, failed);
    for (; !failed && position != fs::directory_iterator(); position.increment(failed)) {
      if (++seen_ > most_entries) {
        watch_.complete = false;
        break;
      }
      entries.push_back(*position);
    }
    Kind kind = folder.kind;
    const auto has = [&](const char* name) {
      return std::any_of(entries.begin(), entries.end(),
                         [&](const fs::directory_entry& entry) { return entry.path().filename() == name; });
    };
    // gitrepository-layout(5); a worktree's part has HEAD alone.
    const bool bare = kind == Kind::plain && has("HEAD") && has("objects") && has("refs");
    if (bare || (kind == Kind::modules && has("HEAD"))) kind = Kind::git;
    for (const fs::directory_entry& entry : entries) {
      const std::string name = entry.path().filename().string();
      const std::string path = folder.path.empty() ? name : folder.path + "/" + name;
      std::error_code unknown;
      const fs::file_type type = entry.symlink_status(unknown).type();
      if (type == fs::file_type::directory) {
        enter(path, name, is_place(folder, name, kind) ? Kind::below : kind);
      } else if (is_watched(folder, name, kind)) {
        add(path, name, type);
      }
    }
  }

  void enter(const std::string& path, const std::string& name, Kind parent) {
    switch (parent) {
      case Kind::plain:
      case Kind::all:
      case Kind::places:
      case Kind::below:
        if (name == "node_modules") return;
        if (path == ".git") return;  // it was the first
        if (name == ".git") return waiting_.push_front({path, Kind::git});
        waiting_.push_back({path, parent == Kind::below ? Kind::below : kind_of(name)});
        return;
      case Kind::git:
        if (name == "hooks") waiting_.push_front({path, Kind::hooks});
        if (name == "info") waiting_.push_front({path, Kind::info});
        if (name == "modules" || name == "worktrees") waiting_.push_front({path, Kind::modules});
        return;
      case Kind::info:
        return;
      case Kind::modules:
        return waiting_.push_front({path, Kind::modules});
      case Kind::hooks:
        return waiting_.push_front({path, Kind::hooks});
    }
  }

  static Kind kind_of(const std::string& name) {
    if (watched_folders().count(name) != 0) return Kind::all;
    return has_watched_places(name) ? Kind::places : Kind::plain;
  }

  static bool is_place(const Folder& folder, const std::string& name, Kind kind) {
    return kind == Kind::places && is_watched_place(fs::path(folder.path).filename().string(), name);
  }

  static bool is_watched(const Folder& folder, const std::string& name, Kind kind) {
    switch (kind) {
      case Kind::places:
        if (is_place(folder, name, kind)) return true;
        [[fallthrough]];
      case Kind::plain:
        return watched_names().count(name) != 0 || kind_of(name) != Kind::plain ||
               ends_with(name, ".code-workspace");
      case Kind::all:
      case Kind::below:
        return true;
      case Kind::git:
        return watched_in_git().count(name) != 0;
      case Kind::hooks:
        return !ends_with(name, ".sample");
      case Kind::info:
        return name == "attributes";
      case Kind::modules:
        return false;
    }
    return false;
  }

  void add(const std::string& path, const std::string& name, fs::file_type type) {
    if (watch_.files.size() == most_files) {
      watch_.complete = false;
      return;
    }
    const std::string full = project_ + "/" + path;
    watch_.files[path] = type == fs::file_type::symlink ? of_link(full) : of_file(full, name);
  }

  const std::string& project_;
  std::deque<Folder> waiting_;
  std::size_t seen_ = 0;
  Watch watch_;
};

}  // namespace

Watch look_at(const std::string& project, const std::vector<std::string>& beside) {
  Watch all = Walk(project).walk();
  all.beside = beside;
  for (const std::string& path : beside) {
    std::error_code failed;
    const fs::file_type type = fs::symlink_status(path, failed).type();
    if (type != fs::file_type::directory) {
      if (type != fs::file_type::not_found)
        all.files[path] = of_file(path, fs::path(path).filename().string());
      continue;
    }
    const Watch one = Walk(path).walk();
    for (const auto& [name, state] : one.files) all.files[path + "/" + name] = state;
    all.complete = all.complete && one.complete;
  }
  return all;
}

std::vector<std::string> differences(const Watch& before, const Watch& after,
                                     const std::function<std::string(const std::string&)>& explain) {
  std::map<std::string, std::string> found;
  for (const auto& [path, state] : after.files) {
    const auto earlier = before.files.find(path);
    // Where the first look ended early, what it does not have may have been there.
    if (earlier == before.files.end()) {
      found[path] = before.complete ? "new" : "new or not looked at before";
    } else if (earlier->second != state) {
      found[path] = "changed";
    }
  }
  for (const auto& [path, state] : before.files) {
    if (after.files.count(path) == 0 && after.complete) found[path] = "gone";
  }
  std::vector<std::string> sentences;
  for (const auto& [path, what] : found) {
    if (sentences.size() == most_told) {
      sentences.push_back("and " + std::to_string(found.size() - most_told) + " more");
      break;
    }
    const std::string clause = explain && what != "gone" ? explain(path) : std::string{};
    sentences.push_back(what + ": " + one_line(path, 300) + (clause.empty() ? "" : " (" + clause + ")"));
  }
  if (!after.complete) sentences.emplace_back("there is too much to look at all of it");
  return sentences;
}

// No file's path is that.
constexpr std::string_view beside_key = "//beside";

std::string to_text(const Watch& watch) {
  std::string text = watch.complete ? "complete" : "partial";
  text += '\0';
  for (const std::string& path : watch.beside) text += std::string(beside_key) + '\0' + path + '\0';
  for (const auto& [path, state] : watch.files) {
    text += path + '\0' + state + '\0';
  }
  return text;
}

std::optional<Watch> watch_from_text(std::string_view text) {
  const std::vector<std::string> parts = split(text, '\0');
  const bool known = parts.front() == "complete" || parts.front() == "partial";
  // Every part ends with a NUL, and the files are pairs.
  if (!known || parts.size() % 2 != 0 || !parts.back().empty()) return std::nullopt;
  Watch watch;
  watch.complete = parts.front() == "complete";
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
    if (parts[i] == beside_key) {
      watch.beside.push_back(parts[i + 1]);
    } else {
      watch.files[parts[i]] = parts[i + 1];
    }
  }
  return watch;
}

// How a session's project was when it began, in its runtime folder.
std::string watch_file(const std::string& session) { return session_directory(session) + "/watch"; }

void begin_watch(const std::string& session, const std::string& project,
                 const std::vector<std::string>& beside) {
  const UniqueFd file(::open(watch_file(session).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::string text = to_text(look_at(project, beside));
  std::string_view rest = text;
  while (file && !rest.empty()) {
    const ssize_t count = ::write(file.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (!rest.empty()) log::warn("what session {} changes will not be told: {}", session, std::strerror(errno));
}

// What runs a file, by its path below a folder.
std::string explained(const std::string& root, const std::string& path) {
  const UniqueFd folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return folder ? what_runs(folder.get(), path) : who_runs(path);
}

void end_watch(const std::string& session, const std::string& project, Talk& talk) {
  const std::string path = watch_file(session);
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ::unlink(path.c_str());  // told once
  const auto before = watch_from_text(text);
  if (!before) return;
  const auto explain = [&](const std::string& name) {
    if (name.front() != '/') return explained(project, name);
    for (const std::string& root : before->beside) {
      if (starts_with(name, root + "/")) return explained(root, name.substr(root.size() + 1));
    }
    return who_runs(name);
  };
  const auto sentences = differences(*before, look_at(project, before->beside), explain);
  if (sentences.empty()) return;
  talk.say("while session " + session + " ran, this changed in its project" +
           (before->beside.empty() ? "" : " or beside it") + ", and programs on this machine may run it:");
  for (const std::string& sentence : sentences) talk.say("  " + sentence);
}

bool is_watched(const std::string& session) { return ::access(watch_file(session).c_str(), F_OK) == 0; }

}  // namespace drydock::core
