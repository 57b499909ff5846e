// A bill of materials: what an image was put together from. Source: CycloneDX 1.5, ecma-424.org.
#pragma once

#include <string>
#include <vector>

#include "core/npm_registry.hpp"

namespace drydock::core {

struct InstalledPackage {
  std::string name;
  std::string version;
  std::string architecture;
};

// The installed ones of a dpkg status file, dpkg(1). What is not understood is left out.
std::vector<InstalledPackage> parse_dpkg_status(const std::string& text);
// Those of apk's database, apk-package(5).
std::vector<InstalledPackage> parse_apk_installed(const std::string& text);

// What a root file system is made of.
struct Inventory {
  std::string type = "deb";  // of package URLs: deb, apk
  std::string distribution;  // "debian", "alpine"
  std::vector<InstalledPackage> packages;
};

// The image that another one is put on.
struct SbomBase {
  std::string reference;
  std::string digest;  // sha256:… of its manifest or its config
};

// As JSON. The same parts give the same bytes. Without a base `below` is null.
std::string render_sbom(const std::string& image, const std::vector<NpmRelease>& releases,
                        const Inventory& inventory, const SbomBase* below = nullptr);

}  // namespace drydock::core
