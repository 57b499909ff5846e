#include "runtime/host_facts.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::runtime {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_text(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
  text = trim(text);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> read_number(const std::string& path) {
  const auto text = read_text(path);
  return text ? to_number<std::int64_t>(*text) : std::nullopt;
}

// A line of nsswitch.conf(5) for subordinate ids that names more than files.
bool asked_elsewhere(const HostPlace& place) {
  for (const std::string& line : split(read_text(place.root + "/etc/nsswitch.conf").value_or(""), '\n')) {
    const std::string content(trim(std::string_view(line).substr(0, line.find('#'))));
    if (starts_with(content, "subid:")) return trim(std::string_view(content).substr(6)) != "files";
  }
  return false;
}

// "user:first:count", the user by name or number; a file that is not there gives nobody any.
std::optional<std::uint64_t> subordinate_ids(const HostPlace& place, const std::string& file) {
  if (asked_elsewhere(place)) return std::nullopt;
  const std::string path = place.root + file;
  if (!exists(path)) return 0;
  const auto text = read_text(path);
  if (!text) return std::nullopt;
  std::uint64_t count = 0;
  for (const std::string& line : split(*text, '\n')) {
    const auto fields = split(std::string(trim(line)), ':');
    if (fields.size() != 3 || (fields[0] != place.user && fields[0] != std::to_string(place.uid))) continue;
    if (to_number<std::uint64_t>(fields[1])) count += to_number<std::uint64_t>(fields[2]).value_or(0);
  }
  return count;
}

bool is_privileged(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  if (status.st_uid == 0 && (status.st_mode & S_ISUID) != 0) return true;
  return ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

std::map<std::string, HostProgram> find_programs(const HostPlace& place,
                                                 const std::vector<std::string>& names) {
  std::map<std::string, HostProgram> found;
  for (const std::string& name : names) {
    for (const std::string& folder : place.program_folders) {
      const std::string path = place.root + folder + "/" + name;
      std::error_code error;
      if (!fs::is_regular_file(path, error) || ::access(path.c_str(), X_OK) != 0) continue;
      HostProgram program;
      program.path = folder + "/" + name;
      program.privileged = is_privileged(path);
      // No question is worth running what runs as root.
      if (place.ask_version && !program.privileged) program.version = place.ask_version(path);
      found[name] = program;
      break;
    }
  }
  return found;
}

std::string tun_failure(const HostPlace& place) {
  const std::string path = place.root + "/dev/net/tun";
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  return fd ? std::string() : std::strerror(errno);
}

// By the files that the kernel shows: cgroup.controllers is at the root of version 2 and of nothing else, and
// a hierarchy of version 1 has its "tasks".
CgroupTree cgroup_tree(const HostPlace& place) {
  const std::string top = place.root + "/sys/fs/cgroup";
  if (exists(top + "/cgroup.controllers")) return CgroupTree::v2;
  bool v1 = false;
  bool v2 = false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(top, error)) {
    v1 = v1 || exists(entry.path().string() + "/tasks");
    v2 = v2 || exists(entry.path().string() + "/cgroup.controllers");
  }
  if (v1) return v2 ? CgroupTree::hybrid : CgroupTree::v1;
  return CgroupTree::none;
}

// proc(5), mountinfo: "36 35 98:0 /root /point options shared:2 - type source options". Of several mounts on
// one point the last is the one that is seen.
std::optional<bool> shares_mounts(const HostPlace& place) {
  std::optional<bool> shared;
  for (const std::string& line : split(read_text(place.root + "/proc/self/mountinfo").value_or(""), '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 7 || fields[4] != "/") continue;
    const auto end = std::find(fields.begin(), fields.end(), "-");
    shared = std::any_of(fields.begin() + 6, end,
                         [](const std::string& field) { return starts_with(field, "shared:"); });
  }
  return shared;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// By the file that Podman keeps beside it, libpod/tmp/rootless-netns/rootless-netns-slirp4netns.pid.
std::string dead_rootless_network(const HostPlace& place) {
  const std::string runtime = place.root + place.runtime_folder;
  const auto text = read_text(runtime + "/libpod/tmp/rootless-netns/rootless-netns-slirp4netns.pid");
  const auto pid = text ? to_number<std::int64_t>(*text) : std::nullopt;
  if (!pid) return {};
  const auto name = read_text(place.root + "/proc/" + std::to_string(*pid) + "/comm");
  if (name && trim(*name) == "slirp4netns") return {};
  for (const std::string& entry : names_in(runtime + "/netns")) {
    if (starts_with(entry, "rootless-netns-")) return place.runtime_folder + "/netns/" + entry;
  }
  return {};
}

std::string version_of(const std::string& path) {
  try {
    const ProcessResult result = run_process({path, "--version"});
    return result.exit_code == 0 ? split(result.output, '\n').front() : std::string();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

HostPlace this_host() {
  HostPlace place;
  place.uid = ::geteuid();
  if (const passwd* entry = ::getpwuid(place.uid)) place.user = entry->pw_name;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  place.runtime_folder =
      runtime != nullptr && *runtime == '/' ? std::string(runtime) : "/run/user/" + std::to_string(place.uid);
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    if (!folder.empty() && folder.front() == '/') place.program_folders.push_back(folder);
  }
  for (const char* folder : {"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/libexec/podman",
                             "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}) {
    place.program_folders.emplace_back(folder);
  }
  place.ask_version = version_of;
  return place;
}

HostFacts read_host_facts(const HostPlace& place, const std::vector<std::string>& programs) {
  HostFacts facts;
  facts.uid = place.uid;
  facts.user = place.user;
  facts.subordinate_uids = subordinate_ids(place, "/etc/subuid");
  facts.subordinate_gids = subordinate_ids(place, "/etc/subgid");
  facts.programs = find_programs(place, programs);
  facts.tun_failure = tun_failure(place);
  const std::string sysctl = place.root + "/proc/sys/";
  facts.max_user_namespaces = read_number(sysctl + "user/max_user_namespaces");
  facts.unprivileged_userns_clone = read_number(sysctl + "kernel/unprivileged_userns_clone");
  facts.apparmor_restricts_userns = read_number(sysctl + "kernel/apparmor_restrict_unprivileged_userns");
  facts.filters_bridges = read_number(sysctl + "net/bridge/bridge-nf-call-iptables");
  facts.apparmor_profiles = names_in(place.root + "/etc/apparmor.d");
  facts.cgroups = cgroup_tree(place);
  facts.shares_mounts = shares_mounts(place);
  facts.dead_rootless_network = dead_rootless_network(place);
  facts.systemd = exists(place.root + "/run/systemd/system");
  facts.lingers = exists(place.root + "/var/lib/systemd/linger/" + place.user);
  if (const auto enforcing = read_number(place.root + "/sys/fs/selinux/enforce"))
    facts.selinux_enforcing = *enforcing == 1;
  return facts;
}

}  // namespace drydock::runtime
