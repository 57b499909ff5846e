#include "core/project.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) != nullptr ? std::string(resolved.data()) : std::string{};
}

bool is_inside_or_same(const std::string& path, const std::string& folder) {
  if (folder == "/") return true;
  return path == folder || starts_with(path, folder + "/");
}

// The system's own folders hold no project; a mount over the same path would hide the container's.
constexpr std::array system_folders{"/bin",   "/boot", "/dev", "/etc",  "/lib", "/lib32",
                                    "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"};
// These may hold projects and are none.
constexpr std::array shared_folders{"/home", "/media", "/mnt", "/opt",    "/root",
                                    "/srv",  "/tmp",   "/var", "/var/tmp"};

std::string sanitise(const std::string& folder_name) {
  std::string name;
  for (const char c : to_lower_ascii(folder_name)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  constexpr std::size_t longest = 32;
  name = name.substr(0, longest);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "project" : name;
}

constexpr std::size_t hash_length = 8;

// Whether a folder has something named after the key of another project with the same name.
bool knows_other(const std::string& folder, const std::string& prefix, const Project& project) {
  std::error_code failed;
  std::filesystem::directory_iterator entry(folder, failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename();
    const std::string start = prefix + project.name + "-";
    if (!starts_with(name, start) || name == prefix + project.key) continue;
    const std::string hash = name.substr(start.size());
    if (hash.size() == hash_length && hash.find_first_not_of("0123456789abcdef") == std::string::npos)
      return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> protected_paths() {
  constexpr std::array credentials{".claude.json",
                                   ".codex",
                                   ".gemini",
                                   ".local/share/opencode",
                                   ".ssh",
                                   ".gnupg",
                                   ".aws",
                                   ".azure",
                                   ".kube",
                                   ".docker",
                                   ".config/drydock",
                                   ".config/gcloud",
                                   ".config/gh",
                                   ".claude",
                                   ".password-store",
                                   ".local/share/keyrings"};
  std::vector<std::string> paths;
  for (const std::string& home : home_directories()) {
    for (const char* name : credentials) paths.push_back(home + "/" + name);
  }
  paths.push_back(config_directory());
  paths.push_back(state_directory());
  for (const char* variable : {"SSH_AUTH_SOCK", "GPG_AGENT_INFO"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value == '/') paths.push_back(split(value, ':').front());
  }
  if (const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
      runtime_dir != nullptr && *runtime_dir == '/') {
    paths.emplace_back(runtime_dir);
  }
  for (std::string& path : paths) {
    if (const std::string resolved = real_path(path); !resolved.empty()) path = resolved;
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::optional<std::string> credential_refusal(const std::string& path) {
  if (path == "/") return "it is the whole file system";
  for (const std::string& home : home_directories()) {
    if (path == home) return "it is your home folder";
    if (is_inside_or_same(home, path)) return "it contains your home folder";
  }
  for (const std::string& secret : protected_paths()) {
    if (is_inside_or_same(path, secret)) return "'" + secret + "' holds credentials or control sockets";
    if (is_inside_or_same(secret, path)) return "it contains '" + secret + "'";
  }
  return std::nullopt;
}

std::optional<std::string> shared_folder_refusal(const std::string& path) {
  for (const char* folder : shared_folders) {
    if (path == folder) return "it is a folder of the system, not a project";
  }
  return std::nullopt;
}

std::optional<std::string> mount_refusal(const std::string& path) {
  if (const auto reason = credential_refusal(path)) return reason;
  for (const char* folder : system_folders) {
    if (is_inside_or_same(path, folder)) return "'" + std::string(folder) + "' belongs to the system";
  }
  return shared_folder_refusal(path);
}

bool is_bare_name_taken(const Project& project) {
  const std::string config = config_directory();
  return knows_other(config, "egress-allowlist-", project) || knows_other(config + "/dood", "", project) ||
         knows_other(config + "/contain", "", project) || knows_other(config + "/projects", "", project);
}

Project resolve_project(const std::string& directory) {
  const std::string shown = printable(directory, 300);
  const std::string path = real_path(directory);
  if (path.empty()) {
    throw Error(ErrorKind::invalid, with_errno("cannot use project '" + shown + "'", errno),
                "name an existing folder, or change into one");
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorKind::invalid, with_errno("cannot use project '" + shown + "'", errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    throw Error(ErrorKind::invalid, "cannot use project '" + shown + "': it is not a folder",
                "name its folder instead");
  }
  if (const auto reason = mount_refusal(path)) {
    throw Error(ErrorKind::refused, "cannot use project '" + shown + "': " + *reason,
                "run in a folder that holds the project and nothing else");
  }
  if (::access(path.c_str(), R_OK | X_OK) != 0) {
    throw Error(ErrorKind::permission, with_errno("cannot use project '" + shown + "'", errno),
                "make the folder readable for you");
  }
  Project project;
  project.path = path;
  project.name = sanitise(path.substr(path.rfind('/') + 1));
  project.key = project.name + "-" + sha256_hex(path).substr(0, hash_length);
  return project;
}

}  // namespace drydock::core
