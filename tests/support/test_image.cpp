#include "test_image.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "core/elf_closure.hpp"

namespace drydock::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* ca_bundle = "/etc/ssl/certs/ca-certificates.crt";

// What the standard library has for developers and graphics; a third of its size.
constexpr std::array skipped_directories{"test",          "tests",         "idlelib",    "lib2to3",
                                         "ensurepip",     "tkinter",       "turtledemo", "pydoc_data",
                                         "dist-packages", "site-packages", "distutils"};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw Error(ErrorKind::not_found, "cannot read file '" + path + "'");
  return text.str();
}

void add_busybox(core::ImageContent& content) {
  const std::string busybox = find_program("busybox");
  core::add_program(content, "/bin/busybox", busybox);
  for (const std::string& applet : split(run_checked({busybox, "--list"}).output, '\n')) {
    if (!applet.empty() && applet != "busybox") content.add_symlink("/bin/" + applet, "/bin/busybox");
  }
  // Scripts name it there.
  content.add_symlink("/usr/bin/env", "/bin/busybox");
}

// Compiled modules are dated after their source, and in the image every file is from 1970: mark them as never
// checked (PEP 552), so that python need not compile again.
std::string unchecked_bytecode(std::string bytes) {
  if (bytes.size() > 8) bytes[4] = 1;
  return bytes;
}

void add_python(core::ImageContent& content) {
  const fs::path program = fs::canonical("/usr/bin/python3");
  const std::string name = program.filename();
  core::add_program(content, "/usr/bin/" + name, program);
  content.add_symlink("/usr/bin/python3", name);
  const std::string loader = core::elf_closure(program).interpreter;

  const fs::path library = "/usr/lib/" + name;
  std::set<std::string> extensions;
  for (auto at = fs::recursive_directory_iterator(library); at != fs::recursive_directory_iterator(); ++at) {
    const std::string leaf = at->path().filename();
    if (at->is_directory()) {
      if (std::find(skipped_directories.begin(), skipped_directories.end(), leaf) !=
              skipped_directories.end() ||
          starts_with(leaf, "config-")) {
        at.disable_recursion_pending();
      }
    } else if (at->is_regular_file()) {
      const std::string path = at->path();
      if (ends_with(path, ".pyc")) {
        content.add_file(path, unchecked_bytecode(read_file(path)));
      } else {
        content.add_host_file(path, path);
      }
      if (ends_with(path, ".so")) extensions.insert(path);
    }
  }
  for (const std::string& extension : extensions) {
    core::add_closure(content, core::elf_closure(extension, loader));
  }
}

// Threads of a glibc program load it when they end.
void add_libgcc(core::ImageContent& content) {
  std::set<std::string> directories;
  for (const auto& [path, entry] : content.entries()) {
    if (ends_with(path, "/libc.so.6")) directories.insert("/" + path.substr(0, path.rfind('/')));
  }
  for (const std::string& directory : directories) {
    const std::string path = directory + "/libgcc_s.so.1";
    if (fs::exists(path)) content.add_host_file(path, path);
  }
}

// Programs that take the whole screen, and what they know of the terminal.
void add_screen_programs(core::ImageContent& content) {
  for (const auto& [path, name] : {std::pair{"/usr/bin/less", "less"}, std::pair{"/usr/bin/vim", "vim.tiny"},
                                   std::pair{"/usr/bin/htop", "htop"}}) {
    core::add_program(content, path, find_program(name));
  }
  for (const char* path : {"/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm"}) {
    if (fs::exists(path)) content.add_host_file("/usr/share/terminfo/x/xterm", path);
  }
}

void add_certificates(core::ImageContent& content, const std::string& ca_file) {
  std::string bundle = read_file(ca_bundle);
  if (!ca_file.empty()) bundle += "\n" + read_file(ca_file);
  content.add_file(ca_bundle, bundle);
  content.add_host_file("/etc/ssl/openssl.cnf", "/etc/ssl/openssl.cnf");
  content.add_symlink("/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf");
  content.add_symlink("/usr/lib/ssl/certs", "/etc/ssl/certs");
  content.add_symlink("/usr/lib/ssl/cert.pem", ca_bundle);
}

}  // namespace

core::ImageContent test_image_content(const TestImageOptions& options) {
  core::ImageContent content;
  add_busybox(content);
  core::add_program(content, "/usr/bin/curl", find_program("/usr/bin/curl"));
  core::add_program(content, "/usr/bin/openssl", find_program("/usr/bin/openssl"));
  core::add_program(content, "/usr/bin/git", find_program("/usr/bin/git"));
  add_python(content);
  add_screen_programs(content);
  add_libgcc(content);
  add_certificates(content, options.ca_file);
  content.add_file("/etc/passwd",
                   "root:x:0:0:root:/root:/bin/sh\n"
                   "user:x:1000:1000:user:/home:/bin/sh\n"
                   "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n");
  content.add_file("/etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n");
  content.add_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  content.add_file("/usr/bin/notexec", "#!/bin/sh\necho this must not run\n", 0644);
  content.add_directory("/home");
  content.add_directory("/proc", 0555);
  content.add_directory("/root", 0700);
  content.add_directory("/run");
  content.add_directory("/sys", 0555);
  content.add_directory("/tmp", 01777);
  content.add_directory("/var/tmp", 01777);
  return content;
}

core::WrittenImage write_test_image(const std::string& path, const TestImageOptions& options) {
  core::ImageConfig config;
  config.command = {"/bin/sh"};
  config.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  config.workdir = "/";
  config.labels = {{"io.drydock.image", "test"}};
  return core::write_image_archive(path, options.tag, config, test_image_content(options));
}

}  // namespace drydock::test
