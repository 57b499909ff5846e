#include "core/elf_closure.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t path_limit = 4096;

Error cannot_resolve(ErrorKind kind, const std::string& path, const std::string& reason) {
  return Error(kind, "cannot resolve libraries of '" + path + "': " + reason);
}

// An ELF file, read piece by piece; every offset in it is checked by the read itself.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_) {
      const int error = errno;
      throw cannot_resolve(error == ENOENT ? ErrorKind::not_found : ErrorKind::invalid, path,
                           with_errno("cannot read it", error));
    }
    unsigned char ident[EI_NIDENT] = {};
    read_at(0, ident, sizeof ident);
    if (std::memcmp(ident, ELFMAG, SELFMAG) != 0)
      throw cannot_resolve(ErrorKind::invalid, path, "it is no ELF file");
    const int data = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (ident[EI_DATA] != data) throw cannot_resolve(ErrorKind::invalid, path, "it is for another machine");
    is_64_ = ident[EI_CLASS] == ELFCLASS64;
  }

  // PT_INTERP, or empty.
  std::string interpreter() const {
    return is_64_ ? interpreter_of<Elf64_Ehdr, Elf64_Phdr>() : interpreter_of<Elf32_Ehdr, Elf32_Phdr>();
  }

 private:
  void read_at(std::uint64_t offset, void* into, std::size_t size) const {
    const ssize_t got = ::pread(fd_.get(), into, size, static_cast<off_t>(offset));
    if (got < 0 || static_cast<std::size_t>(got) != size) {
      throw cannot_resolve(ErrorKind::invalid, path_, "it is no complete ELF file");
    }
  }

  template <typename Header, typename Segment>
  std::string interpreter_of() const {
    Header header{};
    read_at(0, &header, sizeof header);
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      Segment segment{};
      read_at(header.e_phoff + std::uint64_t{i} * header.e_phentsize, &segment, sizeof segment);
      if (segment.p_type != PT_INTERP) continue;
      if (segment.p_filesz == 0 || segment.p_filesz > path_limit) break;
      std::string name(segment.p_filesz, '\0');
      read_at(segment.p_offset, name.data(), name.size());
      return name.substr(0, name.find('\0'));
    }
    return {};
  }

  std::string path_;
  UniqueFd fd_;
  bool is_64_ = false;
};

Error library_missing(const std::string& path, std::string_view name) {
  return cannot_resolve(ErrorKind::not_found, path,
                        "library '" + printable(name, 200) + "' is not installed");
}

// "PROGRAM: error while loading shared libraries: libx.so: cannot open shared object file: No such file or
// directory"
Error loader_refused(const std::string& path, std::string_view words) {
  constexpr std::string_view before = "error while loading shared libraries: ";
  constexpr std::string_view after = ": cannot open shared object file";
  const auto begin = words.find(before);
  const auto end = words.find(after);
  if (begin != std::string_view::npos && end != std::string_view::npos && begin + before.size() < end) {
    return library_missing(path, words.substr(begin + before.size(), end - begin - before.size()));
  }
  return cannot_resolve(ErrorKind::invalid, path, printable(trim(words), 500));
}

// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)", "libx.so => not
// found", "linux-vdso.so.1 (0x…)", "statically linked".
std::set<std::string> parse_loader_list(const std::string& path, const std::string& output) {
  std::set<std::string> libraries;
  for (const std::string& line : split(output, '\n')) {
    std::string_view text = trim(line);
    const auto arrow = text.find(" => ");
    const std::string_view name = text.substr(0, arrow);
    if (arrow != std::string_view::npos) text.remove_prefix(arrow + 4);
    if (starts_with(text, "not found")) {
      throw cannot_resolve(ErrorKind::not_found, path,
                           "library '" + printable(name, 200) + "' is not installed");
    }
    if (!starts_with(text, "/")) continue;
    const std::string_view file = text.substr(0, text.rfind(" (0x"));
    libraries.insert(std::filesystem::path(file).lexically_normal().string());
  }
  return libraries;
}

}  // namespace

std::string elf_interpreter(const std::string& path) { return ElfFile(path).interpreter(); }

ElfClosure elf_closure(const std::string& path, const std::string& loader, const StopSource* stop) {
  ElfClosure closure;
  closure.interpreter = ElfFile(path).interpreter();
  const std::string& program = closure.interpreter.empty() ? loader : closure.interpreter;
  if (program.empty()) return closure;
  if (::access(program.c_str(), X_OK) != 0) {
    throw cannot_resolve(ErrorKind::not_found, path, "its loader '" + program + "' is not installed");
  }

  ProcessOptions options;
  options.stop = stop;
  for (const char* variable : {"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_DEBUG", "LD_BIND_NOW"}) {
    options.environment[variable] = std::nullopt;
  }
  const ProcessResult listed = run_process({program, "--inhibit-cache", "--list", path}, options);
  if (listed.exit_code != 0) throw loader_refused(path, listed.error_output + listed.output);
  std::set<std::string> libraries = parse_loader_list(path, listed.output);
  libraries.erase(closure.interpreter);
  closure.libraries.assign(libraries.begin(), libraries.end());
  return closure;
}

void add_closure(ImageContent& content, const ElfClosure& closure) {
  if (!closure.interpreter.empty()) content.add_host_file(closure.interpreter, closure.interpreter, 0755);
  for (const std::string& library : closure.libraries) content.add_host_file(library, library, 0755);
}

void add_program(ImageContent& content, const std::string& path, const std::string& host_path,
                 const StopSource* stop) {
  content.add_host_file(path, host_path, 0755);
  add_closure(content, elf_closure(host_path, {}, stop));
}

}  // namespace drydock::core
