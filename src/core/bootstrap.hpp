// A base image for agents without a registry: a small root file system from the distribution's packages, made
// by mmdebstrap out of this machine's own apt sources, or brought along as a tar.
//
// What it takes: the sources that are the distribution's own (core/apt_sources.hpp), their keyrings, apt's
// proxies and its Check-Valid-Until and Check-Date. `file:` repositories work. No third-party source, pin or
// credential gets into the image, nor the machine's host name or name servers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/own_image.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::core {

inline constexpr const char* bootstrap_keyword = "bootstrap";

struct BaseRequest {
  // `bootstrap`; the path of a root-file-system tar (starts with "/", "./" or "../", or ends like a tar); or
  // an image that the engine has.
  std::string base = bootstrap_keyword;
  std::vector<std::string> packages;  // of the distribution, on top of base_packages(); bootstrap only
  bool no_cache = false;              // make it anew, with today's packages
  std::function<void(const std::string& text)> progress;
  const StopSource* stop = nullptr;
};

// localhost/drydock-base:<drydock version>: what an agent runs in unless an image is named.
std::string base_image_reference();

// What a bootstrapped base has on top of the distribution's required packages. Not in it, on purpose:
// compilers and language tool chains (a project brings its own image for those), an ssh client (the jail
// passes HTTPS only, and no key is mounted), manual pages and translations.
const std::vector<std::string>& base_packages();

struct BaseTool {
  std::string package;
  std::string program;
};
// Those of them that are there for a program: all but the certificates.
const std::vector<BaseTool>& base_tools();

// Whether a base is an image of the engine's own.
bool is_engine_image(const std::string& base);

// A root file system to put something on, as a tar: the bootstrapped one, out of the cache or made anew, with
// the packages that were asked for; or a file. Not for an image of the engine's own. Throws as
// ensure_base_image(), and Error(usage) for packages on top of a file.
struct BaseRootfs {
  std::string tar;
  std::string content;  // tells it from another
};
BaseRootfs base_rootfs(const BaseRequest& request);
// What the root file system would tell itself from another by, without making it. Throws the same.
std::string base_content(const BaseRequest& request);

// Of every image that has the base root file system in it.
const std::map<std::string, std::string>& base_image_environment();

// Makes sure that the engine has the base image. For an image of the engine's own, `content` is its id and
// nothing is made. A bootstrapped root file system is kept in the cache directory, so that another engine
// costs no second build. Throws Error(not_found) with a hint when mmdebstrap or the image is missing.
OwnImage ensure_base_image(runtime::Engine& engine, const BaseRequest& request);

// Writes the bootstrapped root file system, with the packages that were asked for, to the tar `path`, which
// is created or replaced: for a machine that reaches no mirror, where it is the base then. Needs no engine.
// Throws the same, and Error(permission).
void write_base_rootfs(const std::string& path, const BaseRequest& request);

}  // namespace drydock::core
