// Podman through the libpod REST API (https://docs.podman.io/en/latest/_static/api.html), from Podman 4.3 up.
#pragma once

#include <memory>

#include "runtime/engine_provider.hpp"

namespace drydock::podman {

// Sockets, in this order: the URL given, $CONTAINER_HOST, $XDG_RUNTIME_DIR/podman/podman.sock (for root:
// /run/podman/podman.sock). When none answers, `podman system service` is started on a private socket; it is
// reused by other runs and ends by itself when idle.
std::unique_ptr<runtime::EngineProvider> make_provider();

}  // namespace drydock::podman
