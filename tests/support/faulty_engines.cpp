// The choice of engines of drydock-faulty: drydock's own, each with the fault that DRYDOCK_FAULT asks for.
#include "cli/engines.hpp"
#include "docker/docker_provider.hpp"
#include "faulty_engine.hpp"
#include "podman/podman_provider.hpp"

namespace drydock::cli {

core::Providers make_providers() {
  core::Providers providers;
  providers.push_back(test::with_fault(podman::make_provider()));
  providers.push_back(test::with_fault(docker::make_provider()));
  return providers;
}

}  // namespace drydock::cli
