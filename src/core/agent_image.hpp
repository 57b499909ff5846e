// An agent's image: the base root file system, and on top of it the agent as its profile says, without
// executing anything of it.
#pragma once

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
  std::string registry;  // of npm packages; empty: the one that the user has set up
  std::string version;   // of the profile's last npm package; empty: as the profile says
};

// localhost/drydock-agent-NAME:<drydock version>
std::string agent_image_reference(const std::string& agent);

struct AgentImage {
  OwnImage image;
  std::string sbom;
};

// Makes sure that the engine has the image of the profile's packages as the registry has them now. Throws
// Error(usage) for an agent that needs no image, and what base_rootfs() and find_release() throw.
AgentImage ensure_agent_image(runtime::Engine& engine, const AgentProfile& agent,
                              const AgentImageRequest& request);

// What the engine has of it; nullopt when it is not there.
std::optional<runtime::ImageReport> find_agent_image(runtime::Engine& engine, const std::string& agent);

}  // namespace drydock::core
