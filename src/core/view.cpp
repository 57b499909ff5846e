#include "core/view.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

using Contested = std::function<bool(const std::string&)>;

constexpr const char* spelling = "write it as SRC:DST, SRC:DST:ro or SRC:DST:rw";

// Drydock's own mounts, and what the engine makes.
constexpr std::array reserved_targets{"/",
                                      "/dev",
                                      "/proc",
                                      "/sys",
                                      "/tmp",
                                      "/home",
                                      "/home/agent",
                                      "/etc",
                                      "/etc/hosts",
                                      "/etc/hostname",
                                      "/etc/resolv.conf",
                                      "/run",
                                      "/run/secrets",
                                      "/usr",
                                      "/bin",
                                      "/lib",
                                      "/sbin"};
constexpr std::array reserved_folders{"/dev", "/proc", "/sys", "/run/secrets"};
constexpr std::array control_folders{"/boot", "/dev", "/proc", "/run", "/sys"};
constexpr std::array system_folders{"/bin", "/etc", "/lib", "/lib32", "/lib64", "/sbin", "/usr"};

bool is_inside(const std::string& path, const std::string& folder) { return starts_with(path, folder + "/"); }

bool is_inside_or_same(const std::string& path, const std::string& folder) {
  return path == folder || is_inside(path, folder);
}

bool overlap(const std::string& a, const std::string& b) {
  return is_inside_or_same(a, b) || is_inside_or_same(b, a);
}

[[noreturn]] void refuse(const std::string& verb, const std::string& shown, const std::string& reason,
                         const std::string& hint, ErrorKind kind = ErrorKind::refused) {
  throw Error(kind, "cannot " + verb + " '" + printable(shown, 300) + "': " + reason, hint);
}

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) != nullptr ? std::string(resolved.data()) : std::string{};
}

bool has_component(const std::string& path, const std::string& name) {
  const auto parts = split(path, '/');
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

// A bare repository, or a .git under another name: its hooks and settings are run by the host.
bool is_git_folder(const std::string& path) {
  return fs::exists(path + "/HEAD") && fs::is_directory(path + "/objects") &&
         fs::is_directory(path + "/refs");
}

struct Asked {
  std::string source;
  std::string target;
  bool read_only = true;
};

Asked parse_mount(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty()) {
    refuse("mount", text, "it is not SRC:DST", spelling, ErrorKind::usage);
  }
  if (parts.size() == 3 && parts[2] != "ro" && parts[2] != "rw") {
    refuse("mount", text, "'" + printable(parts[2], 40) + "' is neither ro nor rw", spelling,
           ErrorKind::usage);
  }
  return {parts[0], parts[1], parts.size() < 3 || parts[2] == "ro"};
}

void check_target(const Asked& asked, const Project& project, bool folder) {
  const std::string& target = asked.target;
  const auto no = [&](const std::string& reason, const std::string& hint) {
    refuse("mount", asked.source + "' at '" + target, reason, hint);
  };
  if (target.front() != '/' || fs::path(target).lexically_normal().string() != target ||
      (target.size() > 1 && target.back() == '/')) {
    no("the place in the container is not a plain absolute path", spelling);
  }
  const std::string elsewhere = "choose another place in the container, as /mnt/data";
  const bool reserved =
      std::find(reserved_targets.begin(), reserved_targets.end(), target) != reserved_targets.end() ||
      std::any_of(reserved_folders.begin(), reserved_folders.end(),
                  [&](const char* at) { return is_inside(target, at); });
  if (reserved) no("that place in the container is taken", elsewhere);
  if (is_inside_or_same(project.path, target)) no("it would hide the project", elsewhere);
  if (!is_inside(target, project.path)) return;
  if (has_component(target.substr(project.path.size()), ".git"))
    no("it would hide git's own files", elsewhere);
  struct stat status {};
  // The engine would make it, in the project, and leave it there.
  if (::lstat(target.c_str(), &status) != 0 || real_path(target) != target ||
      S_ISDIR(status.st_mode) != folder) {
    no(std::string("the project has no ") + (folder ? "folder" : "file") + " there to mount it over",
       "make it first, or choose a place outside the project");
  }
}

GuardedPath resolve_mount(const Asked& asked, const Project& project, const Contested& contested) {
  const std::string path = real_path(asked.source);
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) {
    refuse("mount", asked.source, with_errno("open", errno), "name a folder or file that exists",
           ErrorKind::invalid);
  }
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
    refuse("mount", asked.source, "it is neither a folder nor a file",
           S_ISSOCK(status.st_mode) ? "a session gets no sockets of the host's" : "name a folder or a file");
  }
  if (overlap(path, project.path)) {
    refuse("mount", asked.source,
           is_inside_or_same(path, project.path) ? "it is a part of the project" : "it contains the project",
           "the project is mounted already, at its own path");
  }
  if (const auto reason = extra_mount_refusal(path, asked.read_only)) {
    refuse("mount", asked.source, *reason, "mount what the session needs and nothing else");
  }
  if (contested(path)) {
    refuse("mount", asked.source, "another session could replace it", "end that session first");
  }
  check_target(asked, project, S_ISDIR(status.st_mode));
  return {path, asked.read_only, status.st_dev, status.st_ino, asked.target};
}

void add_mounts(const std::vector<Asked>& all, const Project& project, const Contested& contested,
                View& view) {
  std::vector<GuardedPath> mounts;
  for (const Asked& asked : all) {
    const GuardedPath mount = resolve_mount(asked, project, contested);
    for (const GuardedPath& other : mounts) {
      if (other.target == mount.target) {
        refuse("mount", mount.path, "'" + other.path + "' is mounted at the same place", spelling);
      }
      if (overlap(other.path, mount.path) && !(other.read_only && mount.read_only)) {
        refuse("mount", mount.path, "it overlaps '" + other.path + "', and not both are read-only",
               "mount one of them, or both read-only");
      }
    }
    mounts.push_back(mount);
  }
  // What lies in another one comes after it.
  std::sort(mounts.begin(), mounts.end(),
            [](const GuardedPath& a, const GuardedPath& b) { return a.target < b.target; });
  for (const GuardedPath& mount : mounts) {
    view.mounts.push_back(mount);
    view.beside.push_back(mount.path);
    if (mount.read_only) continue;
    GitGuards guards = find_git_guards(mount.path, contested);
    for (GuardedPath& guard : guards.paths) {
      guard.target = mount.target + guard.path.substr(mount.path.size());
      view.mounts.push_back(guard);
    }
    view.notices.insert(view.notices.end(), guards.notices.begin(), guards.notices.end());
  }
}

Mask resolve_mask(const std::string& text, const Project& project, const Contested& contested, View& view) {
  const std::string path = real_path(text.front() == '/' ? text : project.path + "/" + text);
  if (path.empty()) {
    refuse("mask", text, with_errno("open", errno), "name a folder or file of the project",
           ErrorKind::invalid);
  }
  if (!is_inside(path, project.path)) {
    refuse("mask", text, "it is not in the project", "name a folder or file of the project");
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))) {
    refuse("mask", text, "it is neither a folder nor a file", "name a folder or file of the project");
  }
  if (contested(path)) {
    refuse("mask", text, "another session in this project could put something else there",
           "end that session first, or mask it there as well");
  }
  if (S_ISREG(status.st_mode) && status.st_nlink > 1) {
    view.notices.push_back("'" + printable(path, 200) + "' is masked, and has another name (a hard link)");
  }
  return {path, S_ISDIR(status.st_mode)};
}

// A folder on the way that is mounted over itself cannot be renamed, neither now nor for the next session.
void add_ways(const Project& project, View& view) {
  std::vector<std::string> ways;
  for (const Mask& mask : view.masks) {
    for (auto slash = mask.path.find('/', project.path.size() + 1); slash != std::string::npos;
         slash = mask.path.find('/', slash + 1)) {
      ways.push_back(mask.path.substr(0, slash));
    }
  }
  std::sort(ways.begin(), ways.end());
  ways.erase(std::unique(ways.begin(), ways.end()), ways.end());
  for (const std::string& way : ways) {
    struct stat status {};
    if (::lstat(way.c_str(), &status) != 0) {
      refuse("mask", way, with_errno("open", errno), "try again", ErrorKind::invalid);
    }
    view.mounts.push_back({way, false, status.st_dev, status.st_ino, way});
  }
}

void add_masks(const std::vector<std::string>& texts, const Project& project, const Contested& contested,
               View& view) {
  std::vector<Mask> masks;
  for (const std::string& text : texts) {
    if (text.empty())
      refuse("mask", text, "it names nothing", "name a folder or file of the project", ErrorKind::usage);
    masks.push_back(resolve_mask(text, project, contested, view));
  }
  std::sort(masks.begin(), masks.end(), [](const Mask& a, const Mask& b) { return a.path < b.path; });
  for (const Mask& mask : masks) {
    for (const GuardedPath& mount : view.mounts) {
      if (overlap(mount.target, mask.path)) {
        refuse("mask", mask.path, "'" + mount.path + "' is to be mounted there", "leave one of them out");
      }
    }
    const bool covered = std::any_of(view.masks.begin(), view.masks.end(), [&](const Mask& other) {
      return is_inside_or_same(mask.path, other.path);
    });
    if (!covered) view.masks.push_back(mask);
  }
  add_ways(project, view);
}

}  // namespace

View resolve_view(const ViewRequest& request, const Project& project, const Contested& contested) {
  View view;
  std::vector<Asked> asked;
  for (const Link& link : request.links) {
    const std::string real = real_path(link.path);
    const std::string gone = real.empty() ? with_errno("open", errno) : std::string{};
    const std::string way_out = "take it back with: drydock unlink " + printable(link.path, 300);
    if (real.empty()) refuse("mount", link.path, gone, way_out, ErrorKind::invalid);
    if (real != link.path) {
      refuse("mount", link.path, "it leads to '" + printable(real, 300) + "' by now, which was not linked",
             way_out);
    }
    asked.push_back({link.path, link.path, link.read_only});
  }
  for (const std::string& text : request.mounts) asked.push_back(parse_mount(text));
  add_mounts(asked, project, contested, view);
  add_masks(request.masks, project, contested, view);
  return view;
}

std::optional<std::string> extra_mount_refusal(const std::string& path, bool read_only) {
  if (const auto reason = credential_refusal(path)) return reason;
  for (const char* folder : control_folders) {
    if (is_inside_or_same(path, folder)) return "'" + std::string(folder) + "' belongs to the system";
  }
  for (const char* folder : system_folders) {
    if (path == folder) return "it is a folder of the system";
    if (!read_only && is_inside(path, folder)) return "'" + std::string(folder) + "' belongs to the system";
  }
  if (const auto reason = shared_folder_refusal(path)) return reason;
  if (read_only) return std::nullopt;
  if (has_component(path, ".git") || is_git_folder(path)) {
    return "git on the host runs what is in it; read-only it may be mounted";
  }
  return std::nullopt;
}

}  // namespace drydock::core
