#include "core/bootstrap.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "core/apt_sources.hpp"
#include "core/build_cache.hpp"
#include "core/image_archive.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* repository = "localhost/drydock-base";
// No file is younger, so that the same packages make the same root file system. Not 1970: zip files begin in
// 1980.
constexpr const char* source_date = "1672531200";
constexpr std::array tar_endings{".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tgz", ".txz"};
// As in the slim images of the distributions; licences stay.
constexpr std::array left_out{"path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
                              "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*",
                              "path-exclude=/usr/share/locale/*"};

constexpr std::array housekeeping{"finding", "using", "removing", "main()"};

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

void say(const BaseRequest& request, const std::string& text) {
  if (request.progress) request.progress(text);
}

std::string require_mmdebstrap() {
  try {
    return find_program("mmdebstrap");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    throw Error(ErrorKind::not_found,
                "cannot build image " + in_quotes(repository) + ": mmdebstrap is not installed",
                "apt install mmdebstrap");
  }
}

// What makes one root file system, and tells it from another.
struct Recipe {
  Distribution distribution;
  std::vector<AptSource> sources;
  std::vector<std::string> packages;

  std::string key() const {
    return sha256_hex(join(
        {version, distribution.id, distribution.codename, image_architecture(), source_date,
         join(packages, ","), join({left_out.begin(), left_out.end()}, ","), render_apt_sources(sources)},
        "\n"));
  }
};

Recipe this_machines_recipe(const std::vector<std::string>& extra = {}) {
  Recipe recipe{this_distribution(), {}, base_packages()};
  for (const std::string& name : extra) {
    if (std::find(recipe.packages.begin(), recipe.packages.end(), name) == recipe.packages.end())
      recipe.packages.push_back(name);
  }
  std::sort(recipe.packages.begin(), recipe.packages.end());
  recipe.sources = distribution_sources(read_apt_sources(), recipe.distribution);
  if (recipe.sources.empty()) {
    throw Error(ErrorKind::not_found,
                "cannot build image " + in_quotes(repository) + ": apt has no source of " +
                    in_quotes(recipe.distribution.id + " " + recipe.distribution.codename),
                "pass --base with an image of the engine or a root file system tar");
  }
  return recipe;
}

// Packages of a `file:` repository stay where they are, out of sight of the new root; of a `copy:` one they
// are downloaded like any others.
std::vector<AptSource> with_copied_files(std::vector<AptSource> sources) {
  for (AptSource& source : sources) {
    for (std::string& uri : source.uris) {
      if (starts_with(uri, "file:")) uri.replace(0, 4, "copy");
    }
  }
  return sources;
}

// The value of one of apt's own options, or empty.
std::string apt_option(const std::string& name, const BaseRequest& request) {
  ProcessOptions options;
  options.stop = request.stop;
  options.environment["LC_ALL"] = "C";
  const ProcessResult result = run_process({"apt-config", "dump", "--format", "%f=%v%n", name}, options);
  if (result.exit_code != 0) return {};
  for (const std::string& line : split(result.output, '\n')) {
    if (starts_with(line, name + "=")) return line.substr(name.size() + 1);
  }
  return {};
}

// mmdebstrap reads no configuration of the machine's apt. Proxies go by the environment: they may hold a
// password, which neither a process listing nor the image is to show.
void add_apt_options(std::vector<std::string>& argv, ProcessOptions& options, const BaseRequest& request) {
  for (const char* scheme : {"http", "https"}) {
    const std::string proxy = apt_option("Acquire::" + std::string(scheme) + "::Proxy", request);
    if (!proxy.empty() && proxy != "DIRECT") options.environment[std::string(scheme) + "_proxy"] = proxy;
  }
  for (const char* name :
       {"Acquire::http::Proxy-Auto-Detect", "Acquire::Check-Valid-Until", "Acquire::Check-Date"}) {
    const std::string value = apt_option(name, request);
    if (!value.empty()) argv.push_back("--aptopt=" + std::string(name) + " \"" + value + "\"");
  }
}

// The first complaint says why; later ones say only that a step failed.
std::string first_complaint(const std::string& talk, int exit_code) {
  for (const std::string& line : split(talk, '\n')) {
    if (starts_with(line, "E: ")) return printable(trim(line.substr(3)), 500);
  }
  return "mmdebstrap ended with exit status " + std::to_string(exit_code);
}

// "I: installing essential packages..." is one; housekeeping is none.
bool is_step(std::string_view line) {
  return starts_with(line, "I: ") && ends_with(line, "...") &&
         std::none_of(housekeeping.begin(), housekeeping.end(),
                      [&](const char* word) { return starts_with(line.substr(3), word); });
}

Error bootstrap_error(const ProcessResult& result) {
  const std::string reason = first_complaint(result.error_output, result.exit_code);
  // What it says to a user who may not map more than one id.
  const bool no_mode = reason.find("unable to pick chroot mode") != std::string::npos;
  Error error(no_mode ? ErrorKind::unsupported : ErrorKind::engine,
              "cannot build image " + in_quotes(repository) + ": " +
                  (no_mode ? "this user has no subordinate ids, or no newuidmap to use them" : reason));
  if (no_mode) error.set_hint("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER");
  for (const std::string& line : split(printable(result.error_output, 8000), '\n')) {
    if (starts_with(line, "E: ") || starts_with(line, "W: ")) error.add_note(line.substr(3));
  }
  return error;
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw Error(ErrorKind::permission, "cannot write file " + in_quotes(path));
}

void run_mmdebstrap(const std::string& mmdebstrap, const Recipe& recipe, const std::string& tar,
                    const BaseRequest& request) {
  const TempDir files("drydock-bootstrap");
  const std::string sources = files.path() + "/drydock.sources";
  const std::string kept_sources = files.path() + "/kept.sources";
  const std::string empty = files.path() + "/empty";
  write_text(sources, render_apt_sources(with_copied_files(recipe.sources)));
  write_text(kept_sources,
             render_apt_sources(public_sources(with_mirrors(recipe.sources, Mirrors::preferred))));
  write_text(empty, {});

  std::vector<std::string> argv{mmdebstrap, "--variant=minbase", "--format=tar", "--skip=output/dev",
                                "--include=" + join(recipe.packages, ",")};
  ProcessOptions options;
  options.stop = request.stop;
  options.grace = std::chrono::seconds(30);  // it unmounts what it mounted
  options.environment = {{"SOURCE_DATE_EPOCH", source_date}, {"LC_ALL", "C.UTF-8"}};
  add_apt_options(argv, options, request);
  for (const char* option : left_out) argv.push_back("--dpkgopt=" + std::string(option));
  // mmdebstrap leaves the machine's own in the result.
  for (const char* path : {"/etc/hostname", "/etc/resolv.conf", "/etc/apt/apt.conf.d/99mmdebstrap"}) {
    argv.push_back("--customize-hook=upload " + empty + " " + path);
  }
  argv.push_back("--customize-hook=upload " + kept_sources + " /etc/apt/sources.list.d/0000drydock.sources");
  argv.insert(argv.end(), {recipe.distribution.codename, tar, sources});

  options.on_error_line = [&](std::string_view line) {
    if (is_step(line)) say(request, printable(line.substr(3), 200));
  };
  const ProcessResult result = run_process(argv, options);
  if (result.exit_code != 0) throw bootstrap_error(result);
}

std::string date_of(const std::string& path) {
  struct stat status {};
  struct tm time {};
  if (::stat(path.c_str(), &status) != 0 || ::localtime_r(&status.st_mtime, &time) == nullptr)
    return "unknown date";
  char text[16] = {};
  return std::strftime(text, sizeof text, "%Y-%m-%d", &time) == 0 ? "unknown date" : text;
}

// The root file system of `recipe`, out of the cache or made anew; of those with and those without further
// packages the newest is kept.
std::string cached_rootfs(const Recipe& recipe, const std::string& directory, const BaseRequest& request) {
  const std::string kind = recipe.packages.size() == base_packages().size() ? "base-" : "extended-";
  const std::string tar =
      directory + "/" + kind + recipe.distribution.codename + "-" + recipe.key().substr(0, 12) + ".tar";
  if (!request.no_cache && is_tar_file(tar)) {
    say(request, "using the root file system of " + date_of(tar) + " (--no-cache makes a new one)");
    return tar;
  }
  const std::string mmdebstrap = require_mmdebstrap();
  say(request, "making a root file system of " + recipe.distribution.id + " " + recipe.distribution.codename);
  {
    const TempFile made("making", directory);
    run_mmdebstrap(mmdebstrap, recipe, made.path(), request);
    if (::rename(made.path().c_str(), tar.c_str()) != 0) {
      throw Error(ErrorKind::permission, with_errno("cannot write file " + in_quotes(tar), errno));
    }
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (starts_with(name, kind) && ends_with(name, ".tar") && entry.path() != tar) fs::remove(entry, ignored);
  }
  return tar;
}

void load_rootfs(runtime::Engine& engine, const OwnImage& image, const std::string& tar,
                 const std::string& directory, const BaseRequest& request) {
  ImageConfig config;
  config.command = {"/bin/bash"};
  config.environment = base_image_environment();
  config.labels = {
      {image_kind_label, "base"}, {image_version_label, version}, {image_content_label, image.content}};
  say(request, "loading " + image.reference);
  load_own_image(
      engine, image,
      [&](const std::string& path) {
        write_image_archive_from_tar(path, image.reference, config, tar, request.stop);
      },
      directory);
}

OwnImage bootstrapped_image(runtime::Engine& engine, const BaseRequest& request) {
  const Recipe recipe = this_machines_recipe();
  const OwnImage image{base_image_reference(), recipe.key()};
  if (!request.no_cache && engine_has(engine, image)) return image;
  const std::string directory = build_cache();
  const DirectoryLock lock(directory);
  load_rootfs(engine, image, cached_rootfs(recipe, directory, request), directory, request);
  return image;
}

void require_tar(const std::string& path) {
  if (is_tar_file(path)) return;
  const bool there = fs::exists(path);
  throw Error(there ? ErrorKind::invalid : ErrorKind::not_found,
              "cannot use base " + in_quotes(printable(path, 200)) + ": " +
                  (there ? "it is no tar archive" : "no such file"));
}

OwnImage image_from_tar(runtime::Engine& engine, const BaseRequest& request) {
  require_tar(request.base);
  const OwnImage image{base_image_reference(), sha256_of_file(request.base)};
  if (!request.no_cache && engine_has(engine, image)) return image;
  const std::string directory = build_cache();
  load_rootfs(engine, image, request.base, directory, request);
  return image;
}

// Never a bare name: a file that happens to lie in the project must not pass for an image.
bool is_path(const std::string& base) {
  return starts_with(base, "/") || starts_with(base, "./") || starts_with(base, "../") ||
         std::any_of(tar_endings.begin(), tar_endings.end(),
                     [&](const char* ending) { return ends_with(base, ending); });
}

}  // namespace

std::string base_image_reference() { return std::string(repository) + ":" + version; }

const std::vector<std::string>& base_packages() {
  static const std::vector<std::string> packages{
      "ca-certificates", "curl",   "file",    "git",     "jq",    "less",    "make",
      "patch",           "procps", "python3", "ripgrep", "unzip", "xz-utils"};
  return packages;
}

const std::vector<BaseTool>& base_tools() {
  static const std::vector<BaseTool> tools{{"curl", "curl"},   {"file", "file"},       {"git", "git"},
                                           {"jq", "jq"},       {"less", "less"},       {"make", "make"},
                                           {"patch", "patch"}, {"procps", "ps"},       {"unzip", "unzip"},
                                           {"ripgrep", "rg"},  {"python3", "python3"}, {"xz-utils", "xz"}};
  return tools;
}

void write_base_rootfs(const std::string& path, const BaseRequest& request) {
  const std::string directory = build_cache();
  const DirectoryLock lock(directory);
  const std::string tar = cached_rootfs(this_machines_recipe(request.packages), directory, request);
  // Whole or not at all, beside the target so that the last step is a rename.
  const fs::path target = fs::absolute(path);
  const TempFile copy("." + target.filename().string(), target.parent_path().string());
  std::error_code failed;
  fs::copy_file(tar, copy.path(), fs::copy_options::overwrite_existing, failed);
  if (!failed) fs::permissions(copy.path(), fs::perms(0644), failed);
  if (!failed) fs::rename(copy.path(), target, failed);
  if (failed) {
    throw Error(ErrorKind::permission,
                "cannot write file " + in_quotes(printable(path, 200)) + ": " + failed.message());
  }
}

const std::map<std::string, std::string>& base_image_environment() {
  static const std::map<std::string, std::string> environment{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"LANG", "C.UTF-8"}};
  return environment;
}

bool is_engine_image(const std::string& base) { return base != bootstrap_keyword && !is_path(base); }

std::string base_content(const BaseRequest& request) {
  if (request.base == bootstrap_keyword) return this_machines_recipe(request.packages).key();
  if (!request.packages.empty()) {
    throw Error(ErrorKind::usage,
                "cannot add package " + in_quotes(printable(request.packages.front(), 80)) +
                    ": the base is a file, and nothing is installed in it",
                "leave --base out");
  }
  require_tar(request.base);
  return sha256_of_file(request.base);
}

BaseRootfs base_rootfs(const BaseRequest& request) {
  if (request.base == bootstrap_keyword) {
    const Recipe recipe = this_machines_recipe(request.packages);
    const std::string directory = build_cache();
    const DirectoryLock lock(directory);
    return {cached_rootfs(recipe, directory, request), recipe.key()};
  }
  return {request.base, base_content(request)};
}

OwnImage ensure_base_image(runtime::Engine& engine, const BaseRequest& request) {
  if (request.base == bootstrap_keyword) return bootstrapped_image(engine, request);
  if (is_path(request.base)) return image_from_tar(engine, request);
  try {
    return {request.base, engine.images().inspect(request.base).id};
  } catch (Error& error) {
    if (error.kind() == ErrorKind::not_found)
      error.set_hint("drydock build --base bootstrap makes one without a registry");
    throw;
  }
}

}  // namespace drydock::core
