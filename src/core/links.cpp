#include "core/links.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/obstacle.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_size = std::size_t{1} << 20;

// Its real path when something is there, else what it says.
std::string absolute(const std::string& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (!failed) return real.string();
  std::string plain = fs::absolute(path).lexically_normal().string();
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  return plain;
}

[[noreturn]] void bad_line(const std::string& file, int line, const std::string& reason) {
  throw Error(ErrorKind::invalid,
              "cannot read links '" + printable(file, 300) + ":" + std::to_string(line) + "': " + reason,
              "write it as: ro /path, or rw /path");
}

void write_links(const std::string& file, const std::vector<Link>& links) {
  std::string text = "# Made by drydock link: ro or rw, and a path.\n";
  for (const Link& link : links) text += (link.read_only ? "ro " : "rw ") + link.path + "\n";
  TempFile fresh(".links", fs::path(file).parent_path().string());
  fresh.write(text);
  fresh.move_to(file);
}

constexpr std::string_view mount_words = "cannot mount '";
constexpr std::string_view link_words = "cannot link '";

// What a run would say of it, said of a link.
void require_possible(const Project& project, const std::vector<Link>& links) {
  ViewRequest request;
  request.links = links;
  try {
    resolve_view(request, project, [](const std::string&) { return false; });
  } catch (const Error& error) {
    const std::string text = error.what();
    if (!starts_with(text, mount_words)) throw;
    throw Error(error.kind(), std::string(link_words) + text.substr(mount_words.size()), error.hint());
  }
}

auto find(std::vector<Link>& links, const std::string& path) {
  return std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.path == path; });
}

// Two that change it at the same time wait for each other.
DirectoryLock lock_of(const std::string& file) {
  const std::string folder = fs::path(file).parent_path().string();
  make_directories(folder, 0700);
  return DirectoryLock(folder);
}

}  // namespace

std::string links_file(const Project& project) {
  return config_directory() + "/projects/" + project.key + "/links";
}

std::vector<Link> read_links(const Project& project) {
  const std::string path = links_file(project);
  std::vector<Link> links;
  const auto content = read_file(path, max_size);
  if (!content) {
    const Obstacle& obstacle = content.error();
    if (obstacle.cause == ENOENT || obstacle.cause == ENOTDIR) return links;
    throw Error(ErrorKind::invalid, "cannot read links '" + printable(path, 300) + "': " + obstacle.reason,
                obstacle.hint);
  }
  int number = 0;
  for (const std::string& line : split(*content, '\n')) {
    ++number;
    const std::string text(trim(line));
    if (text.empty() || text.front() == '#') continue;
    const bool known = starts_with(text, "ro /") || starts_with(text, "rw /");
    if (!known) bad_line(path, number, "it is neither 'ro' nor 'rw' and an absolute path");
    const Link link{text.substr(3), starts_with(text, "ro")};
    if (find(links, link.path) != links.end()) bad_line(path, number, "the path is there twice");
    links.push_back(link);
  }
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) { return a.path < b.path; });
  return links;
}

std::string link_fault(const Project& project, const Link& link) {
  try {
    require_possible(project, {link});
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

LinkChange add_link(const Project& project, const std::string& path, bool read_only) {
  const std::string file = links_file(project);
  const Link link{absolute(path), read_only};
  if (link.path.find('\n') != std::string::npos) {
    throw Error(ErrorKind::invalid,
                std::string(link_words) + printable(path, 300) + "': its name has a line break",
                "give it another name");
  }
  // Before anything is made.
  require_possible(project, {link});
  const DirectoryLock lock = lock_of(file);
  std::vector<Link> links = read_links(project);
  const auto old = find(links, link.path);
  if (old != links.end() && old->read_only == read_only) return {link, false};
  if (old != links.end()) links.erase(old);
  links.push_back(link);
  require_possible(project, links);
  write_links(file, links);
  return {link, true};
}

LinkChange remove_link(const Project& project, const std::string& path) {
  std::vector<Link> links = read_links(project);
  std::string wanted = absolute(path);
  // What has become a link since, or stands elsewhere now, goes by the name that it had.
  const std::string plain = fs::absolute(path).lexically_normal().string();
  if (find(links, wanted) == links.end() && find(links, plain) != links.end()) wanted = plain;
  if (find(links, wanted) == links.end()) {
    throw Error(ErrorKind::not_found,
                "cannot unlink '" + printable(wanted, 300) + "': it is not linked to this project",
                "see what is: drydock links");
  }
  const std::string file = links_file(project);
  const DirectoryLock lock = lock_of(file);
  links = read_links(project);
  const auto old = find(links, wanted);
  if (old == links.end()) return {{wanted, true}, false};
  const Link link = *old;
  links.erase(old);
  write_links(file, links);
  return {link, true};
}

}  // namespace drydock::core
