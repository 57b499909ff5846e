// An agent's image: the base root file system, and on top of it the agent as its profile says, without
// executing anything of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/agents.hpp"
#include "core/bootstrap.hpp"
#include "core/own_image.hpp"

namespace drydock::core {

inline constexpr const char* image_agent_label = "io.drydock.agent";
// What the profile's packages turned out to be, as "name version" lines.
inline constexpr const char* image_packages_label = "io.drydock.packages";
// Where an image has its bill of materials, CycloneDX 1.5 as JSON.
inline constexpr const char* image_sbom_path = "/usr/share/drydock/sbom.cdx.json";

struct AgentImageRequest {
  BaseRequest base;
  std::string registry;           // of npm packages; empty: the one that the user has set up
  std::string version;            // of the profile's last npm package; empty: as the profile says
  std::vector<std::string> list;  // packages of the distribution that the image is named after
  bool with_sbom = false;         // tell what is in it also when nothing has to be made
  std::function<void(const std::string& text)> warn;
};

// Digest of what the image was made of as far as the profile says it.
inline constexpr const char* image_profile_label = "io.drydock.profile";
// The package list of the user's that it was made for, with blanks between the names.
inline constexpr const char* image_list_label = "io.drydock.package-list";
// Who had it made: a user id.
inline constexpr const char* image_user_label = "io.drydock.image-user";

// localhost/drydock-agent-NAME:<drydock version>, and for a list of packages (core/package_list.hpp) a tag of
// its own.
std::string agent_image_reference(const std::string& agent, const std::vector<std::string>& list = {});

// The value of image_profile_label.
std::string profile_key(const AgentProfile& agent);

// Whether an image was made of this profile, as it is now.
bool is_of_profile(const runtime::ImageReport& image, const AgentProfile& agent);

struct AgentImage {
  OwnImage image;
  std::string sbom;  // empty where nothing was made, see with_sbom
};

// Makes sure that the engine has the image of the profile's packages as the registry has them now, on the
// base that was asked for. Where the registry cannot be reached, an image of this profile that is there is
// enough, with a warning, unless more than that was asked for. Throws Error(usage) for an agent that needs no
// image and has no list, and what base_rootfs(), core/engine_base.hpp and find_release() throw.
AgentImage ensure_agent_image(runtime::Engine& engine, const AgentProfile& agent,
                              const AgentImageRequest& request);

// What the engine has of it; nullopt when it is not there.
std::optional<runtime::ImageReport> find_agent_image(runtime::Engine& engine, const std::string& agent,
                                                     const std::vector<std::string>& list = {});

// An image that was made for a list of packages which is none of `wanted` any more.
struct StaleImage {
  std::string id;
  std::string reference;
  std::string list;
};

// Those that this user had made, for the agents of any profile. Changes nothing.
std::vector<StaleImage> stale_agent_images(runtime::Engine& engine,
                                           const std::vector<std::vector<std::string>>& wanted);

}  // namespace drydock::core
