#include "podman/exec_monitor.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/text.hpp"

namespace drydock::podman {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> arguments_of(const fs::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  return split(std::string(std::istreambuf_iterator<char>(file), {}), '\0');
}

// "conmon … -u EXEC-ID …"
bool monitors(const std::vector<std::string>& arguments, const std::string& exec_id) {
  if (arguments.empty() || fs::path(arguments.front()).filename() != "conmon") return false;
  const auto option = std::find(arguments.begin(), arguments.end(), "-u");
  return option != arguments.end() && std::next(option) != arguments.end() && *std::next(option) == exec_id;
}

}  // namespace

void end_exec_monitor(const std::string& exec_id) {
  if (exec_id.empty()) return;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename();
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size() || pid <= 1) continue;
    struct stat status {};
    if (::stat(entry.path().c_str(), &status) != 0 || status.st_uid != ::geteuid()) continue;
    if (monitors(arguments_of(entry.path()), exec_id)) ::kill(pid, SIGKILL);
  }
}

}  // namespace drydock::podman
