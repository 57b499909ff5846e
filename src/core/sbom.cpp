#include "core/sbom.hpp"

#include "base/download.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

namespace drydock::core {
namespace {

// A package URL of npm keeps the '/' behind a scope.
std::string npm_url(const NpmRelease& release) {
  const auto slash = release.package.find('/');
  const std::string name = slash == std::string::npos ? url_encode(release.package)
                                                      : url_encode(release.package.substr(0, slash)) + "/" +
                                                            url_encode(release.package.substr(slash + 1));
  return "pkg:npm/" + name + "@" + url_encode(release.version);
}

std::string system_url(const InstalledPackage& package, const Inventory& inventory) {
  return "pkg:" + inventory.type + "/" + url_encode(inventory.distribution) + "/" + url_encode(package.name) +
         "@" + url_encode(package.version) + "?arch=" + url_encode(package.architecture);
}

}  // namespace

std::vector<InstalledPackage> parse_dpkg_status(const std::string& text) {
  std::vector<InstalledPackage> packages;
  InstalledPackage package;
  bool installed = false;
  const auto value_of = [](const std::string& line) {
    return std::string(trim(line.substr(line.find(':') + 1)));
  };
  std::vector<std::string> lines = split(text, '\n');
  lines.emplace_back();
  for (const std::string& line : lines) {
    if (line.empty()) {
      if (installed && !package.name.empty()) packages.push_back(package);
      package = {};
      installed = false;
    } else if (starts_with(line, "Package:")) {
      package.name = value_of(line);
    } else if (starts_with(line, "Version:")) {
      package.version = value_of(line);
    } else if (starts_with(line, "Architecture:")) {
      package.architecture = value_of(line);
    } else if (starts_with(line, "Status:")) {
      installed = value_of(line) == "install ok installed";
    }
  }
  return packages;
}

std::vector<InstalledPackage> parse_apk_installed(const std::string& text) {
  std::vector<InstalledPackage> packages;
  InstalledPackage package;
  std::vector<std::string> lines = split(text, '\n');
  lines.emplace_back();
  for (const std::string& line : lines) {
    if (line.empty()) {
      if (!package.name.empty()) packages.push_back(package);
      package = {};
    } else if (starts_with(line, "P:")) {
      package.name = line.substr(2);
    } else if (starts_with(line, "V:")) {
      package.version = line.substr(2);
    } else if (starts_with(line, "A:")) {
      package.architecture = line.substr(2);
    }
  }
  return packages;
}

std::string render_sbom(const std::string& image, const std::vector<NpmRelease>& releases,
                        const Inventory& inventory, const SbomBase* below) {
  Json components = Json::array();
  for (const NpmRelease& release : releases) {
    components.push_back({{"type", "application"},
                          {"name", release.package},
                          {"version", release.version},
                          {"purl", npm_url(release)},
                          {"externalReferences", Json::array({{{"type", "distribution"},
                                                               {"url", without_credentials(release.tarball)},
                                                               {"comment", release.integrity}}})}});
  }
  if (below != nullptr)
    components.push_back({{"type", "container"}, {"name", below->reference}, {"version", below->digest}});
  for (const InstalledPackage& package : inventory.packages) {
    components.push_back({{"type", "library"},
                          {"name", package.name},
                          {"version", package.version},
                          {"purl", system_url(package, inventory)}});
  }
  const Json tool = {{"type", "application"}, {"name", "drydock"}, {"version", version}};
  const Json document = {{"bomFormat", "CycloneDX"},
                         {"specVersion", "1.5"},
                         {"version", 1},
                         {"metadata",
                          {{"component", {{"type", "container"}, {"name", image}}},
                           {"tools", {{"components", Json::array({tool})}}}}},
                         {"components", components}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace drydock::core
