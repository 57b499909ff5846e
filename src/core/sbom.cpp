#include "core/sbom.hpp"

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

std::string debian_url(const DebianPackage& package, const std::string& distribution) {
  return "pkg:deb/" + url_encode(distribution) + "/" + url_encode(package.name) + "@" +
         url_encode(package.version) + "?arch=" + url_encode(package.architecture);
}

}  // namespace

std::vector<DebianPackage> parse_dpkg_status(const std::string& text) {
  std::vector<DebianPackage> packages;
  DebianPackage package;
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

std::string render_sbom(const std::string& image, const std::vector<NpmRelease>& releases,
                        const std::vector<DebianPackage>& packages, const std::string& distribution) {
  Json components = Json::array();
  for (const NpmRelease& release : releases) {
    components.push_back({{"type", "application"},
                          {"name", release.package},
                          {"version", release.version},
                          {"purl", npm_url(release)},
                          {"externalReferences", Json::array({{{"type", "distribution"},
                                                               {"url", release.tarball},
                                                               {"comment", release.integrity}}})}});
  }
  for (const DebianPackage& package : packages) {
    components.push_back({{"type", "library"},
                          {"name", package.name},
                          {"version", package.version},
                          {"purl", debian_url(package, distribution)}});
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
