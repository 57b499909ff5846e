// conmon, Podman's monitor: one is left for each exec that came through the API.
#pragma once

#include <string>

namespace drydock::podman {

// Podman has the monitor of an exec wait five minutes after its end before it lets go of it (containers.conf:
// exit_command_delay), with no way to ask for less. Ends it: a conmon of this user's that was started for
// this exec id. To be called when its exit code has been read; Podman forgets the exec with its container.
void end_exec_monitor(const std::string& exec_id);

}  // namespace drydock::podman
