#include "core/agent_tokens.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "core/agent_state.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& agent) { return agent_state_directory(agent) + "/tokens"; }

std::string file_of(const std::string& agent, const std::string& name) {
  return folder_of(agent) + "/" + name;
}

// What is wrong with it as a token, or empty.
std::string fault_in(std::string_view token) {
  if (token.empty()) return "it is empty";
  if (token.size() > longest_token) return "it is longer than 16 KiB";
  if (token.find('\n') != std::string_view::npos) return "it is more than one line";
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return plain ? "" : "it holds a blank, or something that is no printable ASCII";
}

[[noreturn]] void cannot_use(const std::string& agent, const std::string& name, const std::string& reason,
                             ErrorKind kind) {
  throw Error(
      kind,
      "cannot use token '" + printable(name, 80) + "', which is kept for agent '" + agent + "': " + reason,
      "keep it anew: drydock setup-token " + agent + " --name " + printable(name, 80));
}

std::string read_token(const std::string& agent, const std::string& name, const UniqueFd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    cannot_use(agent, name, with_errno("its file cannot be read", errno), ErrorKind::invalid);
  if (!S_ISREG(status.st_mode)) cannot_use(agent, name, "that is no regular file", ErrorKind::refused);
  if (status.st_uid != ::geteuid())
    cannot_use(agent, name, "its file belongs to another user", ErrorKind::refused);
  if ((status.st_mode & 077U) != 0)
    cannot_use(agent, name, "others than you may read its file or write to it", ErrorKind::refused);
  std::string value(longest_token + 2, '\0');
  std::size_t size = 0;
  while (size < value.size()) {
    const ssize_t count = ::read(file.get(), value.data() + size, value.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannot_use(agent, name, with_errno("its file cannot be read", errno), ErrorKind::invalid);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  value.resize(size);
  if (!value.empty() && value.back() == '\n') value.pop_back();
  if (const std::string fault = fault_in(value); !fault.empty())
    cannot_use(agent, name, fault, ErrorKind::invalid);
  return value;
}

}  // namespace

std::string token_in(const AgentProfile& agent, const std::string& text) {
  const std::string token(trim(text));
  if (const std::string fault = fault_in(token); !fault.empty()) {
    throw Error(ErrorKind::invalid, "cannot keep token of agent '" + agent.name + "': " + fault,
                "paste the token and nothing else");
  }
  return token;
}

const AgentSecret& token_kind(const AgentProfile& agent, const std::string& asked, const std::string& value) {
  if (agent.secrets.empty()) {
    throw Error(ErrorKind::usage, "cannot use tokens of agent '" + agent.name + "': its profile knows none",
                "name it in the profile's secrets, or pass it to a session with --secret");
  }
  const AgentSecret* chosen = nullptr;
  std::vector<std::string> names;
  for (const AgentSecret& secret : agent.secrets) {
    names.push_back(secret.name);
    const bool fits =
        asked.empty() ? !secret.prefix.empty() && starts_with(value, secret.prefix) : secret.name == asked;
    if (fits && chosen == nullptr) chosen = &secret;
  }
  if (chosen != nullptr) return *chosen;
  if (asked.empty()) return agent.secrets.front();
  throw Error(ErrorKind::usage,
              "cannot use token '" + printable(asked, 80) + "': the profile of agent '" + agent.name +
                  "' does not know it",
              "use one of: " + join(names, ", "));
}

KeptToken keep_token(const std::string& agent, const std::string& name, const std::string& value) {
  const std::string folder = folder_of(agent);
  make_directories(folder, 0700);
  KeptToken kept{file_of(agent, name)};
  kept.replaced = ::access(kept.file.c_str(), F_OK) == 0;
  TempFile file(".new", folder);
  file.write(value + "\n");
  file.move_to(kept.file);
  return kept;
}

std::vector<std::string> kept_tokens(const std::string& agent) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_of(agent), failed)) {
    const std::string name = entry.path().filename().string();
    if (is_variable_name(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> forget_tokens(const std::string& agent, const std::string& name) {
  std::vector<std::string> gone;
  for (const std::string& kept : kept_tokens(agent)) {
    if (!name.empty() && kept != name) continue;
    const std::string file = file_of(agent, kept);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
      throw Error(ErrorKind::permission,
                  with_errno("cannot remove file '" + printable(file, 300) + "'", errno),
                  "make its folder writable for you");
    }
    gone.push_back(kept);
  }
  // Without it a power failure may bring them back.
  const UniqueFd folder(::open(folder_of(agent).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder && !gone.empty()) ::fsync(folder.get());
  return gone;
}

std::vector<Secret> read_tokens(const AgentProfile& agent) {
  std::vector<Secret> tokens;
  for (const AgentSecret& secret : agent.secrets) {
    const UniqueFd file(::open(file_of(agent.name, secret.name).c_str(),
                               O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
    if (!file && (errno == ENOENT || errno == ENOTDIR)) continue;
    if (!file)
      cannot_use(agent.name, secret.name, with_errno("its file cannot be read", errno), ErrorKind::invalid);
    tokens.push_back({secret.name, read_token(agent.name, secret.name, file)});
  }
  return tokens;
}

}  // namespace drydock::core
