// Docker through the Engine API (https://docs.docker.com/engine/api/), from 1.41 (Docker 20.10) up.
#pragma once

#include <memory>

#include "runtime/engine_provider.hpp"

namespace drydock::docker {

// Sockets, in this order: the URL given, $DOCKER_HOST, /run/docker.sock, $XDG_RUNTIME_DIR/docker.sock.
std::unique_ptr<runtime::EngineProvider> make_provider();

}  // namespace drydock::docker
