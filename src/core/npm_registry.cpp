#include "core/npm_registry.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/download.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "core/build_cache.hpp"
#include "core/npm_config.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t manifest_limit = std::size_t{4} << 20;
constexpr std::int64_t archive_limit = std::int64_t{2} << 30;
constexpr std::int64_t unpacked_limit = std::int64_t{8} << 30;
constexpr std::string_view digest_kind = "sha512-";

using ReadArchive = std::unique_ptr<archive, decltype([](archive* a) { archive_read_free(a); })>;

std::string without_slash(std::string url) {
  while (ends_with(url, "/")) url.pop_back();
  return url;
}

std::string cache_file(const NpmRelease& release) {
  return npm_cache() + "/" + sha256_hex(release.integrity).substr(0, 32) + ".tgz";
}

bool has_digest(const std::string& path, const NpmRelease& release) {
  std::error_code error;
  return fs::is_regular_file(path, error) &&
         std::string(digest_kind) + sha512_base64_of_file(path) == release.integrity;
}

std::string in_megabytes(std::int64_t bytes) { return std::to_string(bytes / 1000000) + " MB"; }

[[noreturn]] void fail_unpacking(const std::string& package, const std::string& reason) {
  throw Error(ErrorKind::invalid, "cannot unpack package '" + package + "': " + printable(reason, 300));
}

// The path in the package: archives have one folder around all, of any name.
std::string inner_path(const std::string& package, const std::string& entry) {
  std::vector<std::string> parts = split(entry, '/');
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  const bool leaves = std::any_of(parts.begin(), parts.end(), [](const auto& part) {
    return part.empty() || part == "." || part == "..";
  });
  if (parts.empty() || leaves) fail_unpacking(package, "the path '" + entry + "' leaves it");
  parts.erase(parts.begin());
  return join(parts, "/");
}

bool is_wanted(const NpmPackage& package, const std::string& path) {
  return package.paths.empty() ||
         std::any_of(package.paths.begin(), package.paths.end(), [&](const std::string& wanted) {
           return path == wanted || starts_with(path, wanted + "/");
         });
}

class Unpacker {
 public:
  Unpacker(const std::string& archive_path, const NpmPackage& package)
      : package_(package), reader_(archive_read_new()) {
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_format_tar(reader_.get());
    if (archive_read_open_filename(reader_.get(), archive_path.c_str(), 65536) != ARCHIVE_OK) fail();
  }

  // The next file that is wanted; empty at the end.
  std::string next() {
    archive_entry* entry = nullptr;
    while (true) {
      const int result = archive_read_next_header(reader_.get(), &entry);
      if (result == ARCHIVE_EOF) return {};
      const char* name =
          result == ARCHIVE_OK || result == ARCHIVE_WARN ? archive_entry_pathname(entry) : nullptr;
      if (name == nullptr) fail();
      const std::string path = inner_path(package_.package, name);
      const auto type = archive_entry_filetype(entry);
      if (type == AE_IFDIR) continue;
      if (type != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
        fail_unpacking(package_.package, "'" + path + "' is no plain file");
      if (path.empty() || !is_wanted(package_, path)) continue;
      executable_ = (archive_entry_perm(entry) & 0111) != 0;
      return path;
    }
  }
  bool executable() const { return executable_; }

  void write_to(const std::string& path) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    char buffer[65536];
    while (true) {
      const la_ssize_t got = archive_read_data(reader_.get(), buffer, sizeof buffer);
      if (got < 0) fail();
      if (got == 0) break;
      size_ += got;
      if (size_ > unpacked_limit)
        fail_unpacking(package_.package, "it is over " + in_megabytes(unpacked_limit));
      file.write(buffer, got);
    }
    file.close();
    if (!file) throw Error(ErrorKind::permission, with_errno("cannot write file '" + path + "'", errno));
  }

 private:
  [[noreturn]] void fail() {
    const char* reason = archive_error_string(reader_.get());
    fail_unpacking(package_.package, reason != nullptr ? reason : "unknown reason");
  }
  const NpmPackage& package_;
  ReadArchive reader_;
  bool executable_ = false;
  std::int64_t size_ = 0;
};

}  // namespace

std::string npm_registry(const StopSource* stop) {
  const std::string url = npm_registries(stop).usual;
  if (url.empty() || url == "undefined") {
    throw Error(ErrorKind::not_found, "cannot use npm registry '': neither npm nor ~/.npmrc names one",
                "pass --registry URL, or write registry=URL to ~/.npmrc");
  }
  return without_slash(url);
}

NpmRelease find_release(const NpmPackage& package, const NpmOptions& options) {
  const std::string what = "cannot find package '" + package.package + "'";
  DownloadOptions download;
  download.stop = options.stop;
  const auto manifest_of = [&](const std::string& wanted) {
    try {
      const std::string url =
          without_slash(options.registry) + "/" + url_encode(package.package) + "/" + url_encode(wanted);
      return parse_json(download_text(url, manifest_limit, download), "the registry's answer");
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
      throw Error(ErrorKind::not_found,
                  what + ": the registry '" + printable(without_credentials(options.registry), 200) +
                      "' has no version '" + wanted + "'",
                  "name a version that it has");
    }
  };
  Json manifest = manifest_of(package.version);
  if (!package.variant.empty()) manifest = manifest_of(require_string(manifest, "version") + package.variant);
  NpmRelease release;
  release.package = package.package;
  release.version = require_string(manifest, "version");
  const Json* dist = find_member(manifest, "dist");
  if (dist == nullptr) throw Error(ErrorKind::protocol, what + ": the registry does not say where it is");
  release.tarball = require_string(*dist, "tarball");
  release.integrity = string_or(*dist, "integrity");
  if (!starts_with(release.integrity, digest_kind) || release.integrity.find(' ') != std::string::npos) {
    throw Error(ErrorKind::protocol, what + ": the registry gives no SHA-512 digest of it");
  }
  return release;
}

std::string fetch_release(const NpmRelease& release, const NpmOptions& options) {
  const std::string path = cache_file(release);
  if (has_digest(path, release)) return path;
  const std::string name = release.package + " " + release.version;
  DownloadOptions download;
  download.stop = options.stop;
  std::int64_t told = -1;
  download.progress = [&](std::int64_t done, std::int64_t total) {
    const std::int64_t tenth = total > 0 ? done * 10 / total : 0;
    if (!options.progress || total <= 0 || tenth == told) return;
    told = tenth;
    options.progress("fetching " + name + ": " + in_megabytes(done) + " of " + in_megabytes(total));
  };
  TempFile part("fetching", npm_cache());
  download_file(release.tarball, part.path(), archive_limit, download);
  if (!has_digest(part.path(), release)) {
    throw Error(ErrorKind::protocol,
                "cannot use package '" + name + "': what '" +
                    printable(without_credentials(release.tarball), 300) +
                    "' gives does not have the digest that the registry names",
                "try again; if it stays so, do not trust this registry");
  }
  part.move_to(path);
  return path;
}

std::vector<UnpackedFile> unpack_release(const std::string& archive, const NpmPackage& package,
                                         const std::string& target, const StopSource* stop) {
  std::vector<UnpackedFile> files;
  Unpacker unpacker(archive, package);
  for (std::string path = unpacker.next(); !path.empty(); path = unpacker.next()) {
    if (stop != nullptr) stop->check();
    const std::string host_path = target + "/" + path;
    make_directories(fs::path(host_path).parent_path().string(), 0700);
    unpacker.write_to(host_path);
    files.push_back({path, host_path, unpacker.executable()});
  }
  const auto require = [&](const std::string& wanted) {
    const bool there = std::any_of(files.begin(), files.end(), [&](const UnpackedFile& file) {
      return file.path == wanted || starts_with(file.path, wanted + "/");
    });
    if (!there) fail_unpacking(package.package, "it has no '" + wanted + "'");
  };
  for (const std::string& wanted : package.paths) require(wanted);
  for (const auto& [name, file] : package.commands) require(file);
  return files;
}

}  // namespace drydock::core
