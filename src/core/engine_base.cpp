#include "core/engine_base.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/apt_sources.hpp"
#include "core/bootstrap.hpp"
#include "core/elf_closure.hpp"
#include "core/pull.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* commands_directory = "/usr/local/bin";
constexpr const char* shell = "/bin/sh";

std::string in_quotes(std::string_view text) { return "'" + printable(text, 200) + "'"; }

Error cannot_use(ErrorKind kind, const std::string& reference, const std::string& reason,
                 const std::string& hint) {
  return Error(kind, "cannot use base " + in_quotes(reference) + ": " + reason, hint);
}

// What a file begins with.
std::string head_of(const ImageEntry& entry) {
  if (const auto* bytes = std::get_if<ImageEntry::Bytes>(&entry.what)) return bytes->bytes.substr(0, 256);
  const auto* host = std::get_if<ImageEntry::HostFile>(&entry.what);
  if (host == nullptr) return {};
  std::string head(256, '\0');
  std::ifstream file(host->path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

// What executes a file: a path, or the name of a program that `env` finds.
struct Starter {
  std::string path;
  std::string name;
};

Starter starter_of(const ImageEntry& entry) {
  const std::string head = head_of(entry);
  if (starts_with(head, "\177ELF")) {
    const auto* host = std::get_if<ImageEntry::HostFile>(&entry.what);
    return {host == nullptr ? std::string() : elf_interpreter(host->path), {}};
  }
  if (!starts_with(head, "#!")) return {};
  std::vector<std::string> words;
  for (const std::string& word : split(head.substr(2, head.find('\n') - 2), ' ')) {
    if (!trim(word).empty()) words.emplace_back(trim(word));
  }
  if (words.empty()) return {};
  Starter starter{words.front(), {}};
  if (!ends_with(starter.path, "/env")) return starter;
  const auto name = std::find_if(words.begin() + 1, words.end(), [](const std::string& word) {
    return !starts_with(word, "-") && word.find('=') == std::string::npos;
  });
  if (name != words.end()) starter.name = *name;
  return starter;
}

// The programs that an agent's files bring along, by the name of their command.
std::map<std::string, const ImageEntry*> programs_of(const ImageContent& content) {
  std::map<std::string, const ImageEntry*> programs;
  const auto& entries = content.entries();
  const std::string commands = std::string(commands_directory).substr(1) + "/";
  for (const auto& [path, entry] : entries) {
    const auto* link = std::get_if<ImageEntry::Symlink>(&entry.what);
    if (link != nullptr && starts_with(path, commands)) {
      const auto found = entries.find(link->target.substr(1));
      if (found != entries.end()) programs[path.substr(commands.size())] = &found->second;
    } else if (link == nullptr && !starts_with(path, "opt/drydock/npm/") && (entry.mode & 0111U) != 0 &&
               !std::holds_alternative<ImageEntry::Directory>(entry.what)) {
      programs["/" + path] = &entry;
    }
  }
  return programs;
}

class Examination {
 public:
  Examination(const SavedImage& image, const ImageContent& content, const AgentNeeds& needs)
      : tree_(image.tree),
        needs_(needs),
        programs_(programs_of(content)),
        environment_(environment_of(image)),
        inventory_(inventory_of(image)) {}

  std::vector<std::string> lacks() {
    require_path(shell, "a shell");
    require_program("git");
    for (const auto& [name, entry] : programs_) {
      const Starter starter = starter_of(*entry);
      if (!starter.path.empty()) require_path(starter.path, "what starts " + in_quotes(name));
      if (!starter.name.empty()) require_program(starter.name);
    }
    if (!needs_.command.empty()) {
      const std::string& command = needs_.command.front();
      if (starts_with(command, "/")) {
        if (programs_.count(command) == 0) require_path(command, "the agent's command");
      } else {
        require_program(command);
      }
    }
    for (const std::string& program : needs_.programs) require_program(program);
    for (const std::string& package : needs_.packages) require_package(package);
    return std::move(lacks_);
  }

 private:
  void add(const std::string& phrase) {
    if (std::find(lacks_.begin(), lacks_.end(), phrase) == lacks_.end()) lacks_.push_back(phrase);
  }

  void require_path(const std::string& path, const std::string& what) {
    const TreeEntry* entry = tree_.find(path);
    if (entry == nullptr || entry->kind != TreeEntry::Kind::file || (entry->mode & 0111U) == 0)
      add("no " + in_quotes(path) + " (" + what + ")");
  }

  void require_program(const std::string& name) {
    if (programs_.count(name) != 0) return;
    const auto path = tree_.find_program(name, environment_["PATH"]);
    if (!path) {
      add("no program " + in_quotes(name));
      return;
    }
    const auto least = needs_.at_least.find(name);
    if (least == needs_.at_least.end()) return;
    const std::string version = version_of(name, *path);
    if (!version.empty() && !is_at_least(version, least->second))
      add(name + " " + printable(version, 80) + " where " + least->second + " is needed");
  }

  // Of a package where it is the system's; the official images of Node.js say it in a variable.
  std::string version_of(const std::string& name, const std::string& path) const {
    if (name != "node") return {};
    if (starts_with(path, "usr/local/")) {
      const auto variable = environment_.find("NODE_VERSION");
      return variable == environment_.end() ? std::string() : variable->second;
    }
    for (const InstalledPackage& package : inventory_.packages) {
      if (package.name == "nodejs" || package.name == "nodejs-current") return package.version;
    }
    return {};
  }

  void require_package(const std::string& name) {
    const auto& packages = inventory_.packages;
    const bool there =
        std::any_of(packages.begin(), packages.end(), [&](const auto& one) { return one.name == name; });
    if (!there) add("no package " + in_quotes(name));
  }

  const ImageTree& tree_;
  const AgentNeeds& needs_;
  std::map<std::string, const ImageEntry*> programs_;
  std::map<std::string, std::string> environment_;
  Inventory inventory_;
  std::vector<std::string> lacks_;
};

std::vector<unsigned> numbers_of(std::string_view version) {
  std::vector<unsigned> numbers;
  if (const auto epoch = version.find(':'); epoch != std::string_view::npos) version.remove_prefix(epoch + 1);
  if (starts_with(version, "v")) version.remove_prefix(1);
  while (numbers.size() < 3) {
    unsigned number = 0;
    const auto read = std::from_chars(version.data(), version.data() + version.size(), number);
    if (read.ec != std::errc()) break;
    numbers.push_back(number);
    version.remove_prefix(static_cast<std::size_t>(read.ptr - version.data()));
    if (!starts_with(version, ".")) break;
    version.remove_prefix(1);
  }
  numbers.resize(3);
  return numbers;
}

}  // namespace

EngineBase find_engine_base(runtime::Engine& engine, const std::string& reference) {
  runtime::ImageReport report;
  try {
    report = engine.images().inspect(reference);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    const std::string name = engine.system().name();
    throw cannot_use(ErrorKind::not_found, reference, name + " does not have it",
                     "load it, or let it be fetched with --pull missing");
  }
  require_digest(engine.system().name(), reference, report);
  const std::string wanted = image_architecture();
  if (!report.os.empty() && report.os != "linux")
    throw cannot_use(ErrorKind::unsupported, reference, "it is for " + printable(report.os, 40),
                     "use an image for linux");
  if (!report.architecture.empty() && report.architecture != wanted) {
    throw cannot_use(ErrorKind::unsupported, reference,
                     "it is for " + printable(report.architecture, 40) + ", and this machine is " + wanted,
                     "use its image for linux/" + wanted);
  }
  return {reference, report.id, report.digests.empty() ? std::string() : report.digests.front()};
}

SavedImage save_engine_base(runtime::Engine& engine, const EngineBase& base, const std::string& path,
                            const StopSource* stop) {
  // As much again is written for the image that is made of it.
  std::error_code unknown;
  const fs::space_info space = fs::space(fs::path(path).parent_path(), unknown);
  const std::uint64_t limit = unknown ? std::uint64_t{64} << 30 : space.available / 2;
  engine.images().save(base.id, path, limit);
  try {
    return read_saved_image(path, stop);
  } catch (Error& error) {
    error.add_note("this is how " + engine.system().name() + " saved " + in_quotes(base.reference));
    if (error.hint().empty()) error.set_hint("use another image, or leave --base out");
    throw;
  }
}

Inventory inventory_of(const SavedImage& image) {
  Inventory inventory;
  for (const char* path : {"etc/os-release", "usr/lib/os-release"}) {
    const TreeEntry* release = image.tree.find(path);
    if (release == nullptr || release->text.empty()) continue;
    inventory.distribution = parse_os_release(release->text).id;
    break;
  }
  for (const char* path : {"lib/apk/db/installed", "usr/lib/apk/db/installed"}) {
    const TreeEntry* database = image.tree.find(path);
    if (database == nullptr || database->text.empty()) continue;
    inventory.type = "apk";
    inventory.packages = parse_apk_installed(database->text);
    return inventory;
  }
  if (const TreeEntry* status = image.tree.find("var/lib/dpkg/status"))
    inventory.packages = parse_dpkg_status(status->text);
  // Images without a package manager have a file for each package.
  for (const auto& [path, entry] : image.tree.below("var/lib/dpkg/status.d")) {
    for (InstalledPackage& package : parse_dpkg_status(entry->text))
      inventory.packages.push_back(std::move(package));
  }
  return inventory;
}

std::map<std::string, std::string> environment_of(const SavedImage& image) {
  std::map<std::string, std::string> environment;
  if (const Json* config = find_member(image.config, "config")) {
    for (const std::string& entry : strings_or_empty(*config, "Env")) {
      const auto equals = entry.find('=');
      if (equals != std::string::npos) environment[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  std::string& path = environment["PATH"];
  if (path.empty()) path = base_image_environment().at("PATH");
  const std::vector<std::string> folders = split(path, ':');
  if (std::find(folders.begin(), folders.end(), commands_directory) == folders.end())
    path = std::string(commands_directory) + ":" + path;
  return environment;
}

std::vector<std::string> lacks_of(const SavedImage& image, const ImageContent& content,
                                  const AgentNeeds& needs) {
  return Examination(image, content, needs).lacks();
}

std::vector<std::string> missing_tools(const SavedImage& image) {
  const std::string path = environment_of(image).at("PATH");
  std::vector<std::string> missing;
  for (const BaseTool& tool : base_tools()) {
    if (image.tree.find_program(tool.program, path)) continue;
    missing.push_back(tool.program == tool.package ? tool.package : tool.package + " (" + tool.program + ")");
  }
  return missing;
}

void require_all(const std::string& base, const SavedImage& image, const ImageContent& content,
                 const AgentNeeds& needs) {
  const std::vector<std::string> lacks = lacks_of(image, content, needs);
  if (lacks.empty()) return;
  throw cannot_use(ErrorKind::invalid, base, "it has " + join(lacks, ", "),
                   "use an image that has what is missing, or leave --base out");
}

ImageContent placed_on(const EngineBase& base, const SavedImage& image, const ImageContent& content) {
  ImageContent placed;
  for (const auto& [path, entry] : content.entries()) {
    if (std::holds_alternative<ImageEntry::Directory>(entry.what)) continue;
    const auto place = image.tree.place_of(path);
    if (!place) {
      throw cannot_use(ErrorKind::invalid, base.reference, "something is in the way of '/" + path + "'",
                       "use another image");
    }
    if (const auto* bytes = std::get_if<ImageEntry::Bytes>(&entry.what)) {
      placed.add_file(*place, bytes->bytes, entry.mode);
    } else if (const auto* host = std::get_if<ImageEntry::HostFile>(&entry.what)) {
      placed.add_host_file(*place, host->path, entry.mode);
    } else if (const auto* link = std::get_if<ImageEntry::Symlink>(&entry.what)) {
      placed.add_symlink(*place, link->target);
    }
  }
  // A layer says anew what a folder is that it puts something in.
  std::vector<std::pair<std::string, unsigned>> folders;
  for (const auto& [path, entry] : placed.entries()) {
    const TreeEntry* below = image.tree.find(path);
    if (std::holds_alternative<ImageEntry::Directory>(entry.what) && below != nullptr)
      folders.emplace_back("/" + path, below->mode);
  }
  for (const auto& [path, mode] : folders) placed.add_directory(path, mode);
  return placed;
}

std::string least_version(const std::string& range) {
  std::string least;
  for (std::string part : split(range, '|')) {
    part = std::string(trim(part));
    if (part.empty()) continue;
    const auto digit = part.find_first_of("0123456789");
    const std::string sign(trim(part.substr(0, digit)));
    if (digit == std::string::npos || (sign != ">=" && sign != "^" && sign != "~" && !sign.empty()))
      return {};
    const std::string version = part.substr(digit, part.find_first_not_of("0123456789.", digit) - digit);
    if (least.empty() || !is_at_least(version, least)) least = version;
  }
  return least;
}

bool is_at_least(const std::string& version, const std::string& least) {
  return numbers_of(version) >= numbers_of(least);
}

}  // namespace drydock::core
