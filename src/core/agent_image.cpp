#include "core/agent_image.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "core/build_cache.hpp"
#include "core/engine_base.hpp"
#include "core/image_archive.hpp"
#include "core/npm_registry.hpp"
#include "core/package_list.hpp"
#include "core/sbom.hpp"

namespace drydock::core {
namespace {

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
class Key {
 public:
  void add(const std::string& part) { digest_.update(part).update({"\0", 1}); }
  void add(const NpmPackage& package) {
    add(package.package);
    for (const std::string& path : package.paths) add(path);
    for (const auto& [name, file] : package.commands) add(name + "=" + file);
  }
  void add(const AgentFile& file) {
    add(file.path);
    add(file.text);
    add(file.executable ? "x" : "-");
  }
  std::string finish() { return digest_.finish(); }

 private:
  Sha256 digest_;
};

std::string content_key(const AgentProfile& agent, const std::vector<NpmPackage>& packages,
                        const std::vector<NpmRelease>& releases, const std::vector<std::string>& base) {
  Key key;
  for (const std::string& part : {std::string(version), agent.name, profile_key(agent)}) key.add(part);
  for (const std::string& part : base) key.add(part);
  for (const NpmRelease& release : releases) key.add(release.integrity);
  for (const NpmPackage& package : packages) key.add(package);
  for (const AgentFile& file : agent.files) key.add(file);
  return key.finish();
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

// The version of Node.js that a package says it needs.
std::string wanted_node(const std::vector<UnpackedFile>& files) {
  constexpr std::size_t largest = std::size_t{1} << 20;
  const auto about = std::find_if(files.begin(), files.end(),
                                  [](const UnpackedFile& file) { return file.path == "package.json"; });
  if (about == files.end()) return {};
  std::ifstream file(about->host_path, std::ios::binary);
  std::string text(largest, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  try {
    const Json json = parse_json(text, "package.json");
    const Json* engines = find_member(json, "engines");
    return engines == nullptr ? std::string() : least_version(string_or(*engines, "node"));
  } catch (const Error&) {
    return {};  // it is the package's own affair
  }
}

std::string package_lines(const std::vector<NpmRelease>& releases) {
  std::vector<std::string> lines;
  for (const NpmRelease& release : releases) lines.push_back(release.package + " " + release.version);
  return join(lines, "\n");
}

// Those that none of its packages brings along.
std::vector<std::string> programs_of_the_base(const AgentProfile& agent) {
  std::vector<std::string> programs = agent.programs;
  std::erase_if(programs, [&](const std::string& name) {
    return std::any_of(agent.npm.begin(), agent.npm.end(),
                       [&](const NpmPackage& package) { return package.commands.count(name) != 0; });
  });
  return programs;
}

// Nothing is installed on a base that is not drydock's own.
void warn_of_missing_tools(const AgentImageRequest& request, const std::string& base,
                           const SavedImage& image) {
  const std::vector<std::string> missing = missing_tools(image);
  if (missing.empty() || !request.warn) return;
  request.warn("base '" + printable(base, 200) + "' has no " + join(missing, ", ") +
               ", which drydock's own base has: an agent that wants them finds none; use a base with them, "
               "or leave --base "
               "out");
}

// What an image is to be made of.
struct Recipe {
  const AgentProfile& agent;
  const AgentImageRequest& request;
  std::vector<NpmPackage> packages;
  std::vector<NpmRelease> releases;
  NpmOptions npm{};
};

// The npm packages, unpacked below `directory`, and the profile's own files.
ImageContent fetch_content(const Recipe& recipe, const std::string& directory, AgentNeeds& needs) {
  ImageContent content;
  for (std::size_t i = 0; i < recipe.packages.size(); ++i) {
    const NpmRelease& release = recipe.releases[i];
    const std::string archive = fetch_release(release, recipe.npm);
    say(recipe.request, "unpacking " + release.package + " " + release.version);
    const std::vector<UnpackedFile> files = unpack_release(
        archive, recipe.packages[i], directory + "/" + std::to_string(i), recipe.request.base.stop);
    add_package(content, recipe.packages[i], files);
    const std::string least = wanted_node(files);
    std::string& wanted = needs.at_least["node"];
    if (!least.empty() && (wanted.empty() || !is_at_least(wanted, least))) wanted = least;
  }
  for (const AgentFile& file : recipe.agent.files)
    content.add_file(file.path, file.text, file.executable ? 0755 : 0644);
  return content;
}

ImageConfig config_of(const Recipe& recipe, const OwnImage& image) {
  ImageConfig config;
  config.command = recipe.agent.command;
  config.environment = base_image_environment();
  config.labels = {{image_kind_label, "agent"},
                   {image_agent_label, recipe.agent.name},
                   {image_packages_label, package_lines(recipe.releases)},
                   {image_profile_label, profile_key(recipe.agent)},
                   {image_user_label, std::to_string(::getuid())},
                   {image_version_label, version},
                   {image_content_label, image.content}};
  if (!recipe.request.list.empty()) config.labels[image_list_label] = join(recipe.request.list, " ");
  return config;
}

AgentImage on_rootfs(runtime::Engine& engine, const Recipe& recipe) {
  BaseRequest base_request = recipe.request.base;
  for (const auto* more : {&recipe.agent.packages, &recipe.request.list})
    base_request.packages.insert(base_request.packages.end(), more->begin(), more->end());
  AgentImage made;
  made.image = {agent_image_reference(recipe.agent.name, recipe.request.list),
                content_key(recipe.agent, recipe.packages, recipe.releases, {base_content(base_request)})};
  const bool is_there = !recipe.request.base.no_cache && engine_has(engine, made.image);
  if (is_there && !recipe.request.with_sbom) return made;

  const BaseRootfs base = base_rootfs(base_request);
  SavedImage below;
  below.tree = read_rootfs(base.tar, base_request.stop);
  made.sbom = render_sbom(made.image.reference, recipe.releases, inventory_of(below));
  if (is_there) return made;

  // What is made here has what the profile and the user name. Of a file nobody knows.
  const bool is_file = base_request.base != bootstrap_keyword;
  if (is_file) {
    require_all(base_request.base, below, {}, {{}, {}, {}, programs_of_the_base(recipe.agent)});
    warn_of_missing_tools(recipe.request, base_request.base, below);
  }
  const std::string cache = build_cache();
  const TempDir unpacked("drydock-agent", cache);
  AgentNeeds needs{recipe.agent.command, {}, {}, recipe.agent.programs};
  ImageContent content = fetch_content(recipe, unpacked.path(), needs);
  if (is_file) require_all(base_request.base, below, content, needs);
  content.add_file(image_sbom_path, made.sbom);
  say(recipe.request, "loading " + made.image.reference);
  load_own_image(
      engine, made.image,
      [&](const std::string& path) {
        write_image_archive_on_tar(path, made.image.reference, config_of(recipe, made.image), base.tar,
                                   content, recipe.request.base.stop);
      },
      cache);
  return made;
}

AgentImage on_engine_image(runtime::Engine& engine, const Recipe& recipe) {
  const StopSource* stop = recipe.request.base.stop;
  const EngineBase base = find_engine_base(engine, recipe.request.base.base);
  AgentNeeds needs{recipe.agent.command, recipe.request.base.packages, {}, recipe.agent.programs};
  for (const auto* more : {&recipe.agent.packages, &recipe.request.list})
    needs.packages.insert(needs.packages.end(), more->begin(), more->end());
  std::vector<std::string> parts{base.id, base.reference, base.digest};
  parts.insert(parts.end(), needs.packages.begin(), needs.packages.end());
  AgentImage made;
  made.image = {agent_image_reference(recipe.agent.name, recipe.request.list),
                content_key(recipe.agent, recipe.packages, recipe.releases, parts)};
  const bool is_there = !recipe.request.base.no_cache && engine_has(engine, made.image);
  if (is_there && !recipe.request.with_sbom) return made;

  const std::string cache = build_cache();
  const TempFile archive("drydock-base", cache);
  say(recipe.request, "looking into " + base.reference);
  const SavedImage below = save_engine_base(engine, base, archive.path(), stop);
  const SbomBase named{base.reference, base.digest.empty() ? base.id : base.digest};
  made.sbom = render_sbom(made.image.reference, recipe.releases, inventory_of(below), &named);
  if (is_there) return made;

  // Before megabytes are fetched for it.
  require_all(base.reference, below, {}, {{}, needs.packages, {}, programs_of_the_base(recipe.agent)});
  warn_of_missing_tools(recipe.request, base.reference, below);
  const TempDir unpacked("drydock-agent", cache);
  ImageContent content = fetch_content(recipe, unpacked.path(), needs);
  require_all(base.reference, below, content, needs);
  content.add_file(image_sbom_path, made.sbom);
  content = placed_on(base, below, content);

  ImageConfig config = config_of(recipe, made.image);
  config.environment = environment_of(below);
  config.labels[image_base_label] = base.reference;
  config.labels[image_base_id_label] = base.id;
  if (!base.digest.empty()) config.labels[image_base_digest_label] = base.digest;
  say(recipe.request, "loading " + made.image.reference);
  load_own_image(
      engine, made.image,
      [&](const std::string& path) {
        write_image_archive_on_image(path, made.image.reference, config, below, content, stop);
      },
      cache);
  return made;
}

// What is there stays in use when nobody can be asked for something newer, and nothing else was asked for.
std::optional<AgentImage> without_registry(runtime::Engine& engine, const Recipe& recipe,
                                           const Error& error) {
  const AgentImageRequest& request = recipe.request;
  const bool unreachable = error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::timeout;
  if (!unreachable || request.base.no_cache || request.with_sbom || !request.version.empty() ||
      !request.base.packages.empty() || request.base.base != bootstrap_keyword)
    return std::nullopt;
  const std::string reference = agent_image_reference(recipe.agent.name, request.list);
  const auto image = find_image(engine, reference);
  if (!image) return std::nullopt;
  const auto made_of = image->labels.find(image_profile_label);
  const auto content = image->labels.find(image_content_label);
  if (made_of == image->labels.end() || made_of->second != profile_key(recipe.agent) ||
      content == image->labels.end())
    return std::nullopt;
  log::warn("{}; the image that is there stays as it is", error.what());
  return AgentImage{{reference, content->second}, {}};
}

}  // namespace

std::string agent_image_reference(const std::string& agent, const std::vector<std::string>& list) {
  return "localhost/drydock-agent-" + agent + ":" + version + package_list_suffix(list);
}

std::string profile_key(const AgentProfile& agent) {
  Key key;
  for (const NpmPackage& package : agent.npm) {
    key.add(package);
    key.add(package.version);
    key.add(package.variant);
  }
  for (const std::string& part : agent.command) key.add(part);
  for (const std::string& package : agent.packages) key.add(package);
  for (const AgentFile& file : agent.files) key.add(file);
  return key.finish();
}

bool is_of_profile(const runtime::ImageReport& image, const AgentProfile& agent) {
  const auto of_agent = image.labels.find(image_agent_label);
  const auto made_of = image.labels.find(image_profile_label);
  return of_agent != image.labels.end() && of_agent->second == agent.name && made_of != image.labels.end() &&
         made_of->second == profile_key(agent);
}

AgentImage ensure_agent_image(runtime::Engine& engine, const AgentProfile& agent,
                              const AgentImageRequest& request) {
  Recipe recipe{agent, request, wanted_packages(agent, request.version), {}};
  if (!agent.needs_image() && request.list.empty()) {
    throw Error(ErrorKind::usage,
                "cannot build image of agent '" + agent.name + "': it runs in the base image",
                "drydock build --base bootstrap");
  }
  try {
    recipe.releases = find_releases(recipe.packages, request, recipe.npm);
  } catch (const Error& error) {
    if (auto there = without_registry(engine, recipe, error)) return *there;
    throw;
  }
  return is_engine_image(request.base.base) ? on_engine_image(engine, recipe) : on_rootfs(engine, recipe);
}

std::optional<runtime::ImageReport> find_agent_image(runtime::Engine& engine, const std::string& agent,
                                                     const std::vector<std::string>& list) {
  return find_image(engine, agent_image_reference(agent, list));
}

std::vector<StaleImage> stale_agent_images(runtime::Engine& engine,
                                           const std::vector<std::vector<std::string>>& wanted) {
  std::vector<StaleImage> stale;
  for (const runtime::ImageSummary& image : engine.images().list(std::string(image_kind_label) + "=agent")) {
    const auto list = image.labels.find(image_list_label);
    const auto user = image.labels.find(image_user_label);
    if (list == image.labels.end() || user == image.labels.end() ||
        user->second != std::to_string(::getuid()))
      continue;
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(),
                                       [&](const auto& names) { return join(names, " ") == list->second; });
    if (is_wanted) continue;
    stale.push_back({image.id, image.tags.empty() ? image.id : image.tags.front(), list->second});
  }
  return stale;
}

}  // namespace drydock::core
