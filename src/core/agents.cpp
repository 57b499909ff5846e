#include "core/agents.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "core/agent_profile_reader.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t max_profile_size = 1 << 20;

std::string read_small_file(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || !fs::is_regular_file(path) || size > max_profile_size) {
    throw Error(ErrorKind::invalid, "cannot read file '" + printable(path, 300) + "': " +
                                        (error ? error.message() : "it is no regular file, or over 1 MB"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && !file.eof())
    throw Error(ErrorKind::invalid, with_errno("cannot read file '" + printable(path, 300) + "'", errno));
  return text;
}

// In the order of their names; a folder that is not there has none.
std::vector<AgentProfile> read_profiles(const std::string& directory, bool shipped) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (ends_with(entry->path().filename().string(), ".json")) files.push_back(entry->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw Error(ErrorKind::invalid,
                "cannot read folder '" + printable(directory, 300) + "': " + error.message());
  }
  std::sort(files.begin(), files.end());
  std::vector<AgentProfile> profiles;
  for (const std::string& file : files) {
    profiles.push_back(parse_agent_profile(read_small_file(file), file, directory));
    profiles.back().shipped = shipped;
  }
  return profiles;
}

}  // namespace

std::string shipped_agents_directory() {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"agents", "../share/drydock/agents"}) {
    const fs::path directory = (own / place).lexically_normal();
    if (fs::is_directory(directory, error)) return directory.string();
  }
  throw Error(ErrorKind::not_found,
              "cannot read agent profiles: there are none in '" + (own / "agents").string() + "' nor in '" +
                  (own / "../share/drydock/agents").lexically_normal().string() + "'",
              "install drydock again, whole");
}

std::string user_agents_directory() { return config_directory() + "/agents"; }

AgentProfile parse_agent_profile(std::string_view text, const std::string& origin,
                                 const std::string& directory) {
  const auto read_source = [&](const std::string& source) {
    return read_small_file(directory + "/" + source);
  };
  return AgentProfileReader(text, origin, read_source).read();
}

std::vector<AgentProfile> agent_profiles() {
  std::vector<AgentProfile> profiles = read_profiles(shipped_agents_directory(), true);
  for (AgentProfile& profile : read_profiles(user_agents_directory(), false)) {
    const auto same = std::find_if(profiles.begin(), profiles.end(),
                                   [&](const AgentProfile& other) { return other.name == profile.name; });
    if (same != profiles.end()) {
      throw Error(ErrorKind::conflict,
                  "cannot read agent profile '" + printable(profile.origin, 300) + "': the name '" +
                      profile.name + "' is taken by '" + printable(same->origin, 300) + "'",
                  "give it another name");
    }
    profiles.push_back(std::move(profile));
  }
  std::sort(profiles.begin(), profiles.end(),
            [](const AgentProfile& a, const AgentProfile& b) { return a.name < b.name; });
  return profiles;
}

AgentProfile find_agent(const std::string& name) {
  std::vector<std::string> names;
  for (AgentProfile& profile : agent_profiles()) {
    if (profile.name == name) return std::move(profile);
    names.push_back(profile.name);
  }
  const std::string near = nearest(name, names);
  throw Error(ErrorKind::usage, "cannot use agent '" + printable(name, 80) + "': there is no such profile",
              near.empty() ? "use one of: " + join(names, ", ") : "did you mean '" + near + "'?");
}

}  // namespace drydock::core
