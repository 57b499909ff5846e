// How an implementation offers itself. Only cli/engines.cpp lists them.
#pragma once

#include <memory>
#include <string>

#include "runtime/engine.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::runtime {

struct ConnectOptions {
  std::string url;  // unix:///…; empty: the engine's own environment variable, then its usual sockets
  const StopSource* stop = nullptr;  // may be null; must outlive the engine
};

class EngineProvider {
 public:
  virtual ~EngineProvider() = default;
  virtual std::string name() const = 0;
  // True when this machine has it: a socket, a program. Cheap, and no promise that it works.
  virtual bool present() const = 0;
  // Connects, negotiates the API version, and starts the engine's service where that is part of the bargain.
  // Throws Error with the reason and the way out when it cannot.
  virtual std::unique_ptr<Engine> connect(const ConnectOptions& options) const = 0;
};

}  // namespace drydock::runtime
