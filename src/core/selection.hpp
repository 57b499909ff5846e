// Which engine to use.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine_provider.hpp"

namespace drydock::core {

using Providers = std::vector<std::unique_ptr<runtime::EngineProvider>>;

struct Selection {
  std::unique_ptr<runtime::Engine> engine;
  std::string reason;  // "--runtime", or why auto chose it
};

// `wanted` is "auto" or a provider's name; `url` may be empty, and else needs a named engine. auto takes the
// first provider that works, in their order, but for root: rootless is out of reach there, so the order is
// turned round. Throws Error(usage) for a name that is none, a named provider's own error, and
// Error(unavailable) with every reason when auto finds none that works.
Selection select_engine(const Providers& providers, const std::string& wanted, const std::string& url,
                        const StopSource* stop);

// Why this cannot be the address of an engine; empty: it can.
std::string wrong_engine_url(std::string_view url);

// Throws Error(usage) as select_engine does for a name that is none; connects to nothing.
void require_engine_name(const Providers& providers, const std::string& wanted);

// Every engine that `wanted` covers and that can be reached now; for commands that look at all sessions.
std::vector<std::unique_ptr<runtime::Engine>> reachable_engines(const Providers& providers,
                                                                const std::string& wanted,
                                                                const std::string& url,
                                                                const StopSource* stop);

}  // namespace drydock::core
