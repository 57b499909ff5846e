#include "core/agent_overlay.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/conversations.hpp"

namespace drydock::core {
namespace {

constexpr TreeLimits limits{4096, 16, std::uint64_t{16} << 20};
constexpr std::uint64_t largest = std::uint64_t{256} << 20;

std::string folder_name(const std::string& agent) { return agent + ".overlay"; }

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::refused, "cannot use overlay file '" + printable(path, 300) + "': " + reason,
              "put a file in its place, or take it out of there");
}

bool is_above(const std::string& path, const std::string& other) { return starts_with(other, path + "/"); }

std::string fault_of(const SessionState& state, const std::string& path) {
  for (const StatePath& own : state.paths) {
    const bool replaces_folder = is_above(path, own.path) || (own.folder && path == own.path);
    if (replaces_folder) return "it is a file where the agent has a folder";
    if (!own.folder && is_above(own.path, path)) return "it is in a folder where the agent has a file";
  }
  const auto meets = [&](const std::vector<std::string>& patterns) {
    return is_in_any(path, patterns) ||
           std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return is_above(path, pattern); });
  };
  if (meets(state.login))
    return "the agent keeps its login there; hand one over with drydock setup-token, or log in in a session";
  if (meets(state.transcripts) || meets(state.whole)) return "the agent keeps its conversations or memory there";
  return {};
}

// Where the prototype has another kind of thing.
std::string collision_in(int prototype, const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const UniqueFd there = open_below(prototype, path.substr(0, end), O_PATH);
    struct stat status {};
    if (!there || ::fstat(there.get(), &status) != 0) return {};
    const bool last = end == std::string::npos;
    if (last)
      return S_ISDIR(status.st_mode) ? "it is a file where drydock sync has brought a folder" : std::string{};
    if (!S_ISDIR(status.st_mode)) return "it is in a folder where drydock sync has brought a file";
  }
}

}  // namespace

std::string overlay_directory(const std::string& agent) {
  return user_agents_directory() + "/" + folder_name(agent);
}

std::optional<std::vector<std::string>> overlay_files(const SessionState& state) {
  const std::string directory = overlay_directory(state.agent);
  const UniqueFd agents(::open(user_agents_directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!agents && errno == ENOENT) return std::nullopt;
  if (!agents) refuse(directory, with_errno("its folder cannot be opened", errno));
  const std::string name = folder_name(state.agent);
  if (!open_below(agents.get(), name, O_PATH) && errno == ENOENT) return std::nullopt;
  const UniqueFd prototype(::open((agent_state_directory(state.agent) + "/prototype").c_str(),
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> files;
  std::uint64_t size = 0;
  const auto full = [&](const std::string& path) { return user_agents_directory() + "/" + path; };
  walk_files(
      agents.get(), name, limits,
      [&](const std::string& file, const struct stat& status) {
        if (file == name) refuse(full(file), "it is no folder");
        const std::string path = file.substr(name.size() + 1);
        std::string fault = fault_of(state, path);
        if (fault.empty() && prototype) fault = collision_in(prototype.get(), path);
        size += static_cast<std::uint64_t>(status.st_size);
        if (fault.empty() && size > largest) fault = "with it the overlay is larger than 256 MiB";
        if (!fault.empty()) refuse(full(file), fault);
        files.push_back(path);
      },
      [&](const std::string& path, const std::string& reason) { refuse(full(path), reason); });
  return files;
}

void copy_overlay(const std::string& agent, const std::vector<std::string>& files, int home,
                  const std::optional<FileOwner>& owner) {
  if (files.empty()) return;
  const UniqueFd agents = open_folder(user_agents_directory());
  for (const std::string& file : files)
    copy_below(agents.get(), folder_name(agent) + "/" + file, home, file, owner, false);
}

}  // namespace drydock::core
