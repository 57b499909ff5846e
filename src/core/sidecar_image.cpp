#include "core/sidecar_image.hpp"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "core/elf_closure.hpp"
#include "core/guard_config.hpp"
#include "core/image_archive.hpp"

namespace drydock::core {
namespace {

constexpr const char* repository = "localhost/drydock-egress";
constexpr const char* program_path = "/usr/bin/tinyproxy";

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

std::string reference_of(const Tinyproxy& tinyproxy) {
  return std::string(repository) + ":" + version + "-" + tinyproxy.version;
}

ImageContent sidecar_content(const Tinyproxy& tinyproxy, const StopSource* stop) {
  ImageContent content;
  add_program(content, program_path, tinyproxy.path, stop);
  add_program(content, guard_program_path, find_guard_program(), stop);
  content.add_file("/etc/passwd",
                   "root:x:0:0:root:/:/nonexistent\n"
                   "tinyproxy:x:65534:65534:tinyproxy:/nonexistent:/nonexistent\n");
  content.add_file("/etc/group", "root:x:0:\ntinyproxy:x:65534:\n");
  content.add_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  content.add_directory(sidecar_config_directory);
  content.add_directory("/run");
  content.add_directory("/tmp", 01777);
  return content;
}

ImageConfig sidecar_config(const Tinyproxy& tinyproxy) {
  ImageConfig config;
  config.entrypoint = {guard_program_path, sidecar_config_directory};
  config.user = std::to_string(sidecar_uid) + ":" + std::to_string(sidecar_gid);
  config.workdir = "/";
  config.labels = {{image_kind_label, "egress"},
                   {image_version_label, version},
                   {image_tinyproxy_label, tinyproxy.version}};
  return config;
}

// Everything that makes the image what it is, the config too.
std::string content_digest(const ImageContent& content, const ImageConfig& config) {
  Sha256 digest;
  digest.update(content.digest()).update("\n").update(config.user).update("\n");
  for (const std::string& argument : config.entrypoint) digest.update(argument).update("\n");
  for (const auto& [name, value] : config.labels) digest.update(name).update("=").update(value).update("\n");
  return digest.finish();
}

}  // namespace

Tinyproxy installed_tinyproxy(const StopSource* stop) {
  Tinyproxy found;
  try {
    found.path = find_program("tinyproxy");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    throw Error(ErrorKind::not_found,
                "cannot build image " + in_quotes(repository) + ": tinyproxy is not installed",
                "apt install tinyproxy-bin");
  }
  ProcessOptions options;
  options.stop = stop;
  // "tinyproxy 1.11.1"
  const std::string output = run_checked({found.path, "-v"}, options).output;
  const std::string_view line = trim(output);
  constexpr std::string_view name = "tinyproxy ";
  const std::string_view version = starts_with(line, name) ? line.substr(name.size()) : std::string_view();
  constexpr std::string_view allowed = "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  if (version.empty() || version.size() > 60 ||
      version.find_first_not_of(allowed) != std::string_view::npos) {
    throw Error(ErrorKind::protocol, "cannot build image " + in_quotes(repository) + ": " +
                                         in_quotes(found.path) + " does not tell its version");
  }
  found.version = version;
  return found;
}

std::string find_guard_program() {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"drydock-guard", "../libexec/drydock/drydock-guard"}) {
    const std::filesystem::path candidate = (own / place).lexically_normal();
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw Error(ErrorKind::not_found,
              "cannot build image " + in_quotes(repository) + ": drydock's guard is neither in '" +
                  own.string() + "' nor in '" + (own / "../libexec/drydock").lexically_normal().string() +
                  "'",
              "install drydock again");
}

std::string sidecar_image_reference(const StopSource* stop) {
  return reference_of(installed_tinyproxy(stop));
}

SidecarImage wanted_sidecar_image(const StopSource* stop) {
  const Tinyproxy tinyproxy = installed_tinyproxy(stop);
  return {reference_of(tinyproxy),
          content_digest(sidecar_content(tinyproxy, stop), sidecar_config(tinyproxy))};
}

SidecarImage ensure_sidecar_image(runtime::Engine& engine, bool rebuild, const StopSource* stop) {
  const Tinyproxy tinyproxy = installed_tinyproxy(stop);
  const ImageContent content = sidecar_content(tinyproxy, stop);
  ImageConfig config = sidecar_config(tinyproxy);
  const SidecarImage image{reference_of(tinyproxy), content_digest(content, config)};
  if (!rebuild && engine_has(engine, image)) return image;

  log::debug("building image {} from {}", image.reference, tinyproxy.path);
  config.labels[image_content_label] = image.content;
  load_own_image(engine, image, [&](const std::string& path) {
    write_image_archive(path, image.reference, config, content, stop);
  });
  return image;
}

}  // namespace drydock::core
