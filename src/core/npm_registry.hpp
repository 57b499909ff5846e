// Packages of the npm registry that the user has set up: found, fetched, checked and unpacked. Nothing of a
// package is executed, and npm itself is only asked which registry it uses.
// Source: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/agents.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

struct NpmRelease {
  std::string package;
  std::string version;
  std::string tarball;    // its address
  std::string integrity;  // sha512-<base64>
};

struct NpmOptions {
  std::string registry;
  const StopSource* stop = nullptr;
  std::function<void(const std::string& text)> progress;
};

// The registry of the user's npm (core/npm_config.hpp). Throws Error(not_found) when nothing names one.
std::string npm_registry(const StopSource* stop = nullptr);

// Throws Error(not_found) when there is no such package or version, Error(protocol) when the registry gives
// no SHA-512 of it, and what download_text() throws.
NpmRelease find_release(const NpmPackage& package, const NpmOptions& options);

// The path of the release's archive in the cache folder, fetched when it is not there, and checked against
// its digest in any case. Throws Error(protocol) when the digest is another.
std::string fetch_release(const NpmRelease& release, const NpmOptions& options);

struct UnpackedFile {
  std::string path;  // in the package
  std::string host_path;
  bool executable = false;
};

// Unpacks the wanted files to the folder `target`. Throws Error(invalid) for an archive that is damaged or
// holds anything but plain files and folders, or a path that leaves it; and when something that was wanted is
// not in it.
std::vector<UnpackedFile> unpack_release(const std::string& archive, const NpmPackage& package,
                                         const std::string& target, const StopSource* stop = nullptr);

}  // namespace drydock::core
