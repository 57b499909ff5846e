// A connection that starts as HTTP and becomes a raw two-way byte stream (Connection: Upgrade, Upgrade: tcp),
// as Docker's and Podman's attach and exec-start do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/attach_stream.hpp"
#include "runtime/http/limits.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::runtime::http {

// POSTs to `target` on the unix socket and returns the stream after 101 or 200. With `multiplexed` the output
// carries Docker's 8-byte frame headers (a container without a TTY). Errors as Client's, with 30 s for the
// answer's head; any other status is turned into an Error by `on_error(status, body)`, which must throw.
//
// The stream ends quietly however the other side ends it. Input that nobody reads any more is dropped. Broken
// frames are Error(protocol) from read().
std::unique_ptr<AttachStream> hijack(const std::string& socket, const std::string& target,
                                     const std::string& body, bool multiplexed, const StopSource* stop,
                                     const std::function<void(int status, const std::string& body)>& on_error,
                                     const Limits& limits = {});

}  // namespace drydock::runtime::http
