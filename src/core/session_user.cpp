#include "core/session_user.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"

namespace drydock::core {
namespace {

std::optional<std::uint32_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0' ||
      std::string_view(text).find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  const unsigned long value = std::strtoul(text, nullptr, 10);
  return value > 0 && value < 0xffffffffUL ? std::optional(static_cast<std::uint32_t>(value)) : std::nullopt;
}

}  // namespace

SessionUser session_user(const Project& project) {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  const auto sudo_uid = number_from_environment("SUDO_UID");
  const auto sudo_gid = number_from_environment("SUDO_GID");
  struct stat status {};
  if (sudo_uid && sudo_gid) return {*sudo_uid, *sudo_gid};
  if (::stat(project.path.c_str(), &status) == 0 && status.st_uid != 0) return {status.st_uid, status.st_gid};
  throw Error(
      ErrorKind::refused,
      "cannot run in project '" + project.path + "': it belongs to root, and the agent never runs as root",
      "run drydock as a normal user, or give the folder to one");
}

std::optional<std::uint32_t> socket_group(const std::string& path, std::uint32_t uid) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorKind::unavailable, with_errno("cannot use engine socket '" + path + "'", errno));
  }
  const bool by_group = status.st_gid != 0 && (status.st_mode & S_IWGRP) != 0;
  if (by_group) return status.st_gid;
  const bool by_owner = status.st_uid == uid && (status.st_mode & S_IWUSR) != 0;
  if (by_owner || (status.st_mode & S_IWOTH) != 0) return std::nullopt;
  throw Error(ErrorKind::refused,
              "cannot give the session the engine's socket '" + path +
                  "': only root may use it, and the agent never runs as root",
              "use rootless Podman, or give the socket to a group");
}

}  // namespace drydock::core
