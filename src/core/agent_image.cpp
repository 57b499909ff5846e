#include "core/agent_image.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "core/apt_sources.hpp"
#include "core/image_archive.hpp"
#include "core/npm_registry.hpp"
#include "core/sbom.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t dpkg_status_limit = std::size_t{64} << 20;

void say(const AgentImageRequest& request, const std::string& text) {
  if (request.base.progress) request.base.progress(text);
}

std::string package_directory(const NpmPackage& package) { return "/opt/drydock/npm/" + package.package; }

// As the profile has them, with the version that was asked for in place of the last one's.
std::vector<NpmPackage> wanted_packages(const AgentProfile& agent, const std::string& version) {
  std::vector<NpmPackage> packages = agent.npm;
  if (version.empty()) return packages;
  if (packages.empty()) {
    throw Error(ErrorKind::usage,
                "cannot use version '" + printable(version, 80) + "': agent '" + agent.name +
                    "' has no package of the npm registry",
                "leave --agent-version out");
  }
  packages.back().version = version;
  return packages;
}

std::vector<NpmRelease> find_releases(const std::vector<NpmPackage>& packages,
                                      const AgentImageRequest& request, NpmOptions& options) {
  if (packages.empty()) return {};
  options.registry = request.registry.empty() ? npm_registry(request.base.stop) : request.registry;
  options.stop = request.base.stop;
  options.progress = request.base.progress;
  std::vector<NpmRelease> releases;
  for (const NpmPackage& package : packages) releases.push_back(find_release(package, options));
  return releases;
}

// What makes one image, and tells it from another.
std::string content_key(const AgentProfile& agent, const std::vector<NpmPackage>& packages,
                        const std::vector<NpmRelease>& releases, const std::string& base) {
  Sha256 digest;
  const auto add = [&](const std::string& part) { digest.update(part).update({"\0", 1}); };
  for (const std::string& part : {std::string(version), agent.name, base}) add(part);
  for (const NpmRelease& release : releases) add(release.integrity);
  for (const NpmPackage& package : packages) {
    add(package.package);
    for (const std::string& path : package.paths) add(path);
    for (const auto& [name, file] : package.commands) add(name + "=" + file);
  }
  for (const AgentFile& file : agent.files) {
    add(file.path);
    add(file.text);
    add(file.executable ? "x" : "-");
  }
  return digest.finish();
}

void add_package(ImageContent& content, const NpmPackage& package, const std::vector<UnpackedFile>& files) {
  const std::string directory = package_directory(package);
  for (const UnpackedFile& file : files) {
    const bool command = std::any_of(package.commands.begin(), package.commands.end(),
                                     [&](const auto& entry) { return entry.second == file.path; });
    content.add_host_file(directory + "/" + file.path, file.host_path,
                          file.executable || command ? 0755 : 0644);
  }
  for (const auto& [name, file] : package.commands)
    content.add_symlink("/usr/local/bin/" + name, directory + "/" + file);
}

std::string package_lines(const std::vector<NpmRelease>& releases) {
  std::vector<std::string> lines;
  for (const NpmRelease& release : releases) lines.push_back(release.package + " " + release.version);
  return join(lines, "\n");
}

}  // namespace

std::string agent_image_reference(const std::string& agent) {
  return "localhost/drydock-agent-" + agent + ":" + version;
}

AgentImage ensure_agent_image(runtime::Engine& engine, const AgentProfile& agent,
                              const AgentImageRequest& request) {
  const std::vector<NpmPackage> packages = wanted_packages(agent, request.version);
  if (!agent.needs_image()) {
    throw Error(ErrorKind::usage,
                "cannot build image of agent '" + agent.name + "': it runs in the base image",
                "drydock build --base bootstrap");
  }
  BaseRequest base_request = request.base;
  base_request.packages.insert(base_request.packages.end(), agent.packages.begin(), agent.packages.end());
  NpmOptions npm;
  const std::vector<NpmRelease> releases = find_releases(packages, request, npm);
  const BaseRootfs base = base_rootfs(base_request);

  AgentImage made;
  made.image = {agent_image_reference(agent.name), content_key(agent, packages, releases, base.content)};
  made.sbom = render_sbom(made.image.reference, releases,
                          parse_dpkg_status(file_in_tar(base.tar, "var/lib/dpkg/status", dpkg_status_limit)),
                          this_distribution().id);
  if (!request.base.no_cache && engine_has(engine, made.image)) return made;

  const std::string cache = cache_directory();
  make_directories(cache, 0700);
  const TempDir unpacked("drydock-agent", cache);
  ImageContent content;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const std::string archive = fetch_release(releases[i], npm);
    say(request, "unpacking " + releases[i].package + " " + releases[i].version);
    add_package(
        content, packages[i],
        unpack_release(archive, packages[i], unpacked.path() + "/" + std::to_string(i), request.base.stop));
  }
  for (const AgentFile& file : agent.files)
    content.add_file(file.path, file.text, file.executable ? 0755 : 0644);
  content.add_file(image_sbom_path, made.sbom);

  ImageConfig config;
  config.command = agent.command;
  config.environment = base_image_environment();
  config.labels = {{image_kind_label, "agent"},
                   {image_agent_label, agent.name},
                   {image_packages_label, package_lines(releases)},
                   {image_version_label, version},
                   {image_content_label, made.image.content}};
  say(request, "loading " + made.image.reference);
  load_own_image(
      engine, made.image,
      [&](const std::string& path) {
        write_image_archive_on_tar(path, made.image.reference, config, base.tar, content, request.base.stop);
      },
      cache);
  return made;
}

std::optional<runtime::ImageReport> find_agent_image(runtime::Engine& engine, const std::string& agent) {
  try {
    return engine.images().inspect(agent_image_reference(agent));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

}  // namespace drydock::core
