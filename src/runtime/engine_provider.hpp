// How an implementation offers itself. Only cli/engines.cpp lists them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/engine.hpp"
#include "runtime/finding.hpp"
#include "runtime/host_facts.hpp"

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

  // For doctor. Its usual sockets (unix:///…) that are on this machine, whether this user may use them or
  // not.
  virtual std::vector<std::string> sockets() const { return {}; }
  // The programs whose presence and version matter to it.
  virtual std::vector<std::string> programs() const { return {}; }
  // What this machine has and lacks for it, and what is known of an engine that says `info` of itself; null
  // when it could not be reached. Pure: asks nobody.
  virtual Findings judge(const HostFacts& host, const EngineInfo* info) const;
};

inline Findings EngineProvider::judge(const HostFacts&, const EngineInfo*) const { return {}; }

}  // namespace drydock::runtime
