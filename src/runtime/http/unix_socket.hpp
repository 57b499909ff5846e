// What the two kinds of connection share: connecting to the engine's socket, waiting for it, and the words
// for what goes wrong there.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::runtime::http {

using Deadline = std::chrono::steady_clock::time_point;

// A connected stream socket, non-blocking and close-on-exec. Error(unavailable) if nobody listens at `path`,
// Error(permission) if the user may not, Error(timeout) if the connection is not accepted within `limit`,
// Interrupted.
UniqueFd connect_unix(const std::string& path, std::chrono::milliseconds limit, const StopSource* stop);

// Waits until poll reports something of `events` (or a hang-up) on `fd`; false when the deadline passed
// first. Interrupted when stop is requested. `stop` may be null.
bool wait_ready(int fd, short events, Deadline deadline, const StopSource* stop);

// The Error for a connect that failed, by its errno: "cannot connect to the engine at '...': nobody listens
// there".
Error connect_error(const std::string& path, int errno_value);
// "cannot reach the engine at '...': it did not accept the connection in 10 s".
Error not_accepted(const std::string& path, std::chrono::milliseconds limit);
// Error(unavailable) for a path that no socket address can hold.
void require_fitting(const std::string& path);
// A moment's pause before a full backlog is tried again.
void wait_for_backlog(const StopSource* stop);

// "cannot talk to the engine at 'unix:///run/x.sock': <reason>", kind protocol.
Error protocol_error(const std::string& path, std::string_view reason);
// "cannot reach the engine at '...': it accepted the connection and did not answer in 10 s".
Error no_answer(const std::string& path, std::chrono::milliseconds limit);

// "10 s", or "150 ms" when it is not whole seconds.
std::string to_text(std::chrono::milliseconds duration);

}  // namespace drydock::runtime::http
