#include "core/hosts_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::core {
namespace {

[[noreturn]] void fail(const std::string& path, int cause) {
  throw Error(ErrorKind::internal, with_errno("cannot write file '" + path + "'", cause));
}

}  // namespace

std::string hosts_text(const runtime::ContainerSpec& agent) {
  std::string text =
      "127.0.0.1 localhost\n" + agent.networks.front().address.to_string() + " " + agent.hostname + "\n";
  for (const runtime::HostEntry& entry : agent.host_entries) text += entry.address + " " + entry.name + "\n";
  return text;
}

std::string with_names(const std::string& text, const std::vector<std::string>& names) {
  const std::vector<std::string> lines = split(text, '\n');
  const std::string own = std::string(" ") + sidecar_host;
  const auto sidecar =
      std::find_if(lines.begin(), lines.end(), [&](const std::string& line) { return ends_with(line, own); });
  if (sidecar == lines.end()) return text;
  const std::string address = sidecar->substr(0, sidecar->size() - own.size());
  std::string result;
  for (const std::string& line : lines) {
    const bool of_a_name = starts_with(line, address + " ") && line != *sidecar;
    if (!line.empty() && !of_a_name) result += line + "\n";
  }
  for (const std::string& name : names) result += address + " " + name + "\n";
  return result;
}

void rewrite(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) fail(path, errno);
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count =
        ::pwrite(file.get(), text.data() + written, text.size() - written, static_cast<off_t>(written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, errno);
    written += static_cast<std::size_t>(count);
  }
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) fail(path, errno);
}

}  // namespace drydock::core
