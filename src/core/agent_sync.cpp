#include "core/agent_sync.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "core/agent_state.hpp"
#include "core/conversations.hpp"
#include "core/file_tree.hpp"
#include "core/planted.hpp"

namespace drydock::core {
namespace {

constexpr const char* fresh_prefix = ".prototype-";
constexpr std::size_t largest_settings = std::size_t{256} << 10;

bool covers(const std::vector<std::string>& paths, const std::string& path) {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& other) {
    return path == other || starts_with(path, other + "/");
  });
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::refused, "cannot sync '" + printable(path, 300) + "': " + reason,
              "put a copy of what is meant in its place, or take it out of there");
}

// Where a link leads, relative to the home folder; empty when that is elsewhere.
std::string target_of(const std::string& home, const std::string& path) {
  std::array<char, PATH_MAX> real{};
  std::array<char, PATH_MAX> real_home{};
  if (::realpath((home + "/" + path).c_str(), real.data()) == nullptr ||
      ::realpath(home.c_str(), real_home.data()) == nullptr)
    return {};
  const std::string below = std::string(real_home.data()) + "/";
  return starts_with(real.data(), below) ? std::string(real.data()).substr(below.size()) : std::string{};
}

// What each file of the prototype is a copy of.
class Finder {
 public:
  Finder(const AgentProfile& agent, const std::string& home, int folder)
      : agent_(agent), home_(home), folder_(folder) {}

  void add(const std::string& path) {
    walk_files(
        folder_, path, {4096, 16, std::uint64_t{16} << 20},
        [&](const std::string& file, const struct stat& status) { take(file, file, status); },
        [&](const std::string& file, const std::string& reason) { follow(file, reason); });
  }

  std::map<std::string, std::string> sources;
  std::vector<SyncedFile> files;

 private:
  bool withheld(const std::string& path) const {
    return covers(agent_.login, path) || is_in_any(path, agent_.transcripts) || is_in_any(path, agent_.whole);
  }

  void take(const std::string& path, const std::string& source, const struct stat& status) {
    if (withheld(path) || !sources.emplace(path, source).second) return;
    files.push_back({path, static_cast<std::uint64_t>(status.st_size)});
  }

  void follow(const std::string& path, const std::string& reason) {
    if (withheld(path)) return;
    const std::string target = target_of(home_, path);
    struct stat status {};
    const bool link = ::lstat((home_ + "/" + path).c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    if (!link) refuse(path, reason);
    if (target.empty() || !covers(agent_.sync, target) || withheld(target))
      refuse(path, "it is a link that leads to what is not on the list of the agent's profile");
    const UniqueFd file = open_below(folder_, target, O_PATH);
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
      refuse(path, "it is a link that leads to no file");
    take(path, target, status);
  }

  const AgentProfile& agent_;
  const std::string& home_;
  int folder_;
};

// The paths below a home folder in a command, as they stand there, each with what it is below the folder;
// nothing where it is named by a path that is no session's.
std::vector<std::pair<std::string, std::optional<std::string>>> home_paths(const std::string& command,
                                                                           const std::string& home) {
  std::vector<std::pair<std::string, std::optional<std::string>>> paths;
  for (const std::string& start :
       {home + "/", std::string("~/"), std::string("$HOME/"), std::string("${HOME}/")}) {
    for (auto at = command.find(start); at != std::string::npos; at = command.find(start, at + 1)) {
      const auto end = command.find_first_of(" \t\n\"'`;|&()<>", at);
      const std::string path = command.substr(at, end == std::string::npos ? end : end - at);
      const bool follows = start.front() != '/' || home == agent_home;
      paths.emplace_back(path, follows ? std::optional(path.substr(start.size())) : std::nullopt);
    }
  }
  return paths;
}

// Of the files that lie directly in a folder of the agent's: its settings.
std::vector<MissingProgram> missing_programs(const AgentProfile& agent, const std::string& home, int folder,
                                             const std::map<std::string, std::string>& sources) {
  std::vector<MissingProgram> missing;
  const auto has = [&](const std::string& path) {
    const auto next = sources.lower_bound(path);
    return next != sources.end() && (next->first == path || starts_with(next->first, path + "/"));
  };
  for (const auto& [path, source] : sources) {
    const std::string parent = path.substr(0, path.rfind('/'));
    const bool settings = std::any_of(agent.state.begin(), agent.state.end(),
                                      [&](const StatePath& own) { return own.path == parent; }) &&
                          (ends_with(path, ".json") || ends_with(path, ".jsonc") || ends_with(path, ".toml"));
    const auto text = settings ? read_below(folder, source, largest_settings) : std::nullopt;
    if (!text) continue;
    for (const std::string& command : commands_of_settings(*text)) {
      for (const auto& [named, below] : home_paths(command, home)) {
        if (!below || !has(*below)) missing.push_back({path, named});
      }
    }
  }
  return missing;
}

}  // namespace

SyncReport sync_agent(const AgentProfile& agent, const std::string& home, bool dry_run) {
  if (agent.sync.empty()) {
    throw Error(ErrorKind::unsupported,
                "cannot sync agent '" + agent.name + "': its profile lists nothing to sync",
                "list the paths under 'sync' in a profile of your own");
  }
  const std::string folder = agent_state_directory(agent.name);
  SyncReport report{folder + "/prototype", {}, {}, {}};
  const UniqueFd source = open_folder(home);
  Finder finder(agent, home, source.get());
  for (const std::string& path : agent.sync) {
    const std::size_t before = finder.files.size();
    finder.add(path);
    if (finder.files.size() == before) report.absent.push_back(path);
  }
  report.files = finder.files;
  report.missing = missing_programs(agent, home, source.get(), finder.sources);
  if (dry_run) return report;

  make_directories(report.prototype, 0700);
  const DirectoryLock lock(folder);
  remove_beginning_with(folder, fresh_prefix);
  remove_beginning_with(folder, unfinished_prefix);
  const UniqueFd state = open_folder(folder);
  const std::string fresh = fresh_prefix + random_hex(16);
  make_folders_below(state.get(), fresh, std::nullopt);
  try {
    for (const auto& [path, from] : finder.sources)
      copy_below(source.get(), from, state.get(), fresh + "/" + path, std::nullopt, true);
    exchange_below(state.get(), fresh, "prototype");
  } catch (const Error&) {
    remove_beginning_with(folder, fresh_prefix);
    throw;
  }
  remove_beginning_with(folder, fresh_prefix);
  return report;
}

}  // namespace drydock::core
