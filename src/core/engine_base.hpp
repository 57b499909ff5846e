// An image of the engine's own as what an agent's image is put on. It is saved, looked into and never
// executed: what an agent needs and it lacks is told before anything is made. The same is asked of a root
// file system that is a file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/image_archive.hpp"
#include "core/saved_image.hpp"
#include "core/sbom.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

inline constexpr const char* image_base_label = "io.drydock.base";        // its reference
inline constexpr const char* image_base_id_label = "io.drydock.base-id";  // sha256:… of its config
inline constexpr const char* image_base_digest_label =
    "io.drydock.base-digest";  // NAME@sha256:… of its manifest

struct EngineBase {
  std::string reference;
  std::string id;
  std::string digest;  // empty when the engine knows none
};

// Throws Error(not_found) when the engine does not have it, Error(unsupported) when it is for another
// machine.
EngineBase find_engine_base(runtime::Engine& engine, const std::string& reference);

// Saves it to `path` and reads it. Throws what Images::save() and read_saved_image() throw.
SavedImage save_engine_base(runtime::Engine& engine, const EngineBase& base, const std::string& path,
                            const StopSource* stop = nullptr);

// What dpkg or apk say is installed in it; without packages when neither does.
Inventory inventory_of(const SavedImage& image);

// Its variables, with the folder of an agent's commands in PATH.
std::map<std::string, std::string> environment_of(const SavedImage& image);

struct AgentNeeds {
  std::vector<std::string> command;               // of the agent
  std::vector<std::string> packages;              // of Debian, that must be installed
  std::map<std::string, std::string> at_least{};  // versions of programs, such as node -> 20.0.0
  std::vector<std::string> programs{};            // by name, besides the command
};

// What the image lacks of that, of what the programs in `content` need to be started, and of what every agent
// works with: a shell and git. As phrases; empty when it has all.
std::vector<std::string> lacks_of(const SavedImage& image, const ImageContent& content,
                                  const AgentNeeds& needs);

// What a bootstrapped base has (core/bootstrap.hpp) and the image does not: "ripgrep (rg)". No agent needs
// it.
std::vector<std::string> missing_tools(const SavedImage& image);

// Throws Error(invalid) that names the base and all that lacks_of() found.
void require_all(const std::string& base, const SavedImage& image, const ImageContent& content,
                 const AgentNeeds& needs);

// `content` where it comes to lie on the image: through its symlinked folders, whose modes stay. Throws
// Error(invalid) when something that is no folder is in the way.
ImageContent placed_on(const EngineBase& base, const SavedImage& image, const ImageContent& content);

// The least version of the range of an npm package's engines.node, or empty: ">=20.1", "^18 || >=20".
std::string least_version(const std::string& range);
// Whether a version is not below another; Debian's additions ("1:18.19.0+dfsg-6") are left out.
bool is_at_least(const std::string& version, const std::string& least);

}  // namespace drydock::core
