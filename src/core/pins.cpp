#include "core/pins.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::core {
namespace {

std::string folder_of(Mode mode) { return config_directory() + (mode == Mode::dood ? "/dood" : "/contain"); }

std::string default_file() { return config_directory() + "/default-dood"; }

// The one that is named after the key, and one that was made by hand with the bare name.
std::vector<std::string> files_of(const Project& project, Mode mode) {
  return {folder_of(mode) + "/" + project.key, folder_of(mode) + "/" + project.name};
}

[[noreturn]] void fail(const char* verb, const std::string& file, int cause) {
  throw Error(ErrorKind::invalid,
              with_errno("cannot " + std::string(verb) + " file '" + printable(file, 300) + "'", cause),
              "make your configuration folder writable for you");
}

// Whether it was not there. Only that it is there counts; what is in it is for people.
bool make_file(const std::string& folder, const std::string& file, const std::string& text) {
  make_directories(folder, 0700);
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return false;
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int cause = errno;
    if (fd) ::unlink(file.c_str());
    fail("write", file, cause);
  }
  return true;
}

bool remove_file(const std::string& file) {
  if (::unlink(file.c_str()) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) fail("remove", file, errno);
  return false;
}

bool remove_pins(const Project& project, Mode mode) {
  bool removed = false;
  for (const std::string& file : files_of(project, mode)) removed = remove_file(file) || removed;
  return removed;
}

}  // namespace

PinChange pin_project(const Project& project, Mode mode) {
  const Mode other = mode == Mode::dood ? Mode::contained : Mode::dood;
  PinChange change;
  change.file = files_of(project, mode).front();
  change.changed = make_file(folder_of(mode), change.file, project.path + "\n");
  if (remove_pins(project, other)) change.replaced = other;
  return change;
}

PinChange unpin_project(const Project& project, Mode mode) {
  return {files_of(project, mode).front(), remove_pins(project, mode), std::nullopt};
}

PinChange set_default_mode(Mode mode) {
  const std::string file = default_file();
  const bool changed = mode == Mode::dood
                           ? make_file(config_directory(), file, "sessions are dood unless told otherwise\n")
                           : remove_file(file);
  return {file, changed, std::nullopt};
}

}  // namespace drydock::core
