// The log of a container, as both engines' APIs give it: bytes, in frames or not.
#pragma once

#include <string>

#include "runtime/engine.hpp"
#include "runtime/http/api.hpp"

namespace drydock::runtime::http {

// GETs `path` (below the version prefix, with a query already) and hands the log to `sink`. With `framed` it
// carries Docker's 8-byte frame headers. A followed log has no time limit. Errors as Api::call with
// `purpose`.
void read_log(Api& api, const std::string& purpose, const std::string& path, bool framed,
              const LogRequest& request, const LogSink& sink);

}  // namespace drydock::runtime::http
