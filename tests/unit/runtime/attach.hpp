// Attaches to a fake daemon, for tests.
#pragma once

#include <memory>
#include <string>

#include "runtime/http/hijack.hpp"

namespace drydock::runtime::http {

inline const std::string upgraded =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\n"
    "Upgrade: tcp\r\n\r\n";

// What the engine refused with, thrown by attach().
struct Refused {
  int status;
  std::string body;
};

inline std::unique_ptr<AttachStream> attach(const std::string& socket, bool multiplexed = false,
                                            const StopSource* stop = nullptr, const Limits& limits = {}) {
  return hijack(
      socket, "/v1.41/containers/x/attach?stream=1", "", multiplexed, stop,
      [](int status, const std::string& body) {
        throw Refused{status, body};
      },
      limits);
}

}  // namespace drydock::runtime::http
