#include "cli/engines.hpp"

#include "docker/docker_provider.hpp"
#include "podman/podman_provider.hpp"

namespace drydock::cli {

core::Providers make_providers() {
  core::Providers providers;
  providers.push_back(podman::make_provider());
  providers.push_back(docker::make_provider());
  return providers;
}

}  // namespace drydock::cli
