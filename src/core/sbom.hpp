// A bill of materials: what an image was put together from. Source: CycloneDX 1.5, ecma-424.org.
#pragma once

#include <string>
#include <vector>

#include "core/npm_registry.hpp"

namespace drydock::core {

struct DebianPackage {
  std::string name;
  std::string version;
  std::string architecture;
};

// The installed ones of a dpkg status file, dpkg(1). What is not understood is left out.
std::vector<DebianPackage> parse_dpkg_status(const std::string& text);

// As JSON. The same parts give the same bytes.
std::string render_sbom(const std::string& image, const std::vector<NpmRelease>& releases,
                        const std::vector<DebianPackage>& packages, const std::string& distribution);

}  // namespace drydock::core
