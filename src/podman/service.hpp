// `podman system service` on a private socket, for those who have not set one up.
#pragma once

#include <string>

namespace drydock {
class StopSource;
}

namespace drydock::podman {

// True when somebody accepts connections on the unix socket.
bool answers(const std::string& socket);

// Where that socket is, whether there is one or not.
std::string private_socket();

// The socket of a service that runs; started when it does not. It ends after some idle seconds, and takes its
// socket with it. Throws Error(unavailable) with Podman's own words when it does not come up.
std::string ensure_private_service(const StopSource* stop);

// The podman program's path, or empty.
std::string find_podman();

}  // namespace drydock::podman
