#include "core/selection.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

std::vector<std::string> names_of(const Providers& providers) {
  std::vector<std::string> names;
  for (const auto& provider : providers) names.push_back(provider->name());
  return names;
}

[[noreturn]] void unknown_engine(const Providers& providers, const std::string& wanted) {
  constexpr std::array oci_runtimes{"crun", "runc", "runsc", "kata", "youki", "krun"};
  const std::string shown = printable(wanted, 80);
  if (std::find(oci_runtimes.begin(), oci_runtimes.end(), wanted) != oci_runtimes.end()) {
    throw Error(ErrorKind::usage,
                "cannot use runtime '" + shown + "': --runtime picks the engine (" +
                    join(names_of(providers), ", ") + ")",
                "for the OCI runtime use --oci-runtime " + shown);
  }
  const std::string near = nearest(wanted, names_of(providers));
  throw Error(
      ErrorKind::usage, "cannot use runtime '" + shown + "': there is no such engine",
      near.empty() ? "use auto, " + join(names_of(providers), " or ") : "did you mean '" + near + "'?");
}

std::vector<const runtime::EngineProvider*> candidates(const Providers& providers, const std::string& wanted,
                                                       const std::string& url) {
  require_engine_name(providers, wanted);
  std::vector<const runtime::EngineProvider*> chosen;
  for (const auto& provider : providers) {
    if (wanted == "auto" || wanted == provider->name()) chosen.push_back(provider.get());
  }
  if (wanted == "auto" && !url.empty()) {
    throw Error(ErrorKind::usage, "cannot use engine '" + printable(url, 200) + "': its kind is not said",
                "add --runtime " + join(names_of(providers), " or --runtime "));
  }
  if (wanted == "auto" && ::geteuid() == 0) std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

std::string wrong_engine_url(std::string_view url) {
  if (starts_with(url, "unix://")) return {};
  return "is no unix socket, and the project folder must be on the engine's machine";
}

void require_engine_name(const Providers& providers, const std::string& wanted) {
  const auto names = names_of(providers);
  if (wanted != "auto" && std::find(names.begin(), names.end(), wanted) == names.end()) {
    unknown_engine(providers, wanted);
  }
}

Selection select_engine(const Providers& providers, const std::string& wanted, const std::string& url,
                        const StopSource* stop) {
  const auto chosen = candidates(providers, wanted, url);
  if (wanted != "auto") return {chosen.front()->connect({url, stop}), "--runtime " + wanted};
  std::vector<std::string> failures;
  for (const runtime::EngineProvider* provider : chosen) {
    if (!provider->present()) {
      failures.push_back(provider->name() + ": not on this machine");
      continue;
    }
    try {
      auto engine = provider->connect({url, stop});
      const std::string reason = failures.empty() ? "first choice" : join(failures, "; ");
      return {std::move(engine), reason};
    } catch (const Error& error) {
      failures.push_back(provider->name() + ": " + error.what());
    }
  }
  throw Error(ErrorKind::unavailable, "cannot find a container engine: " + join(failures, "; "),
              "install podman (apt install podman), or start Docker");
}

std::vector<std::unique_ptr<runtime::Engine>> reachable_engines(const Providers& providers,
                                                                const std::string& wanted,
                                                                const std::string& url,
                                                                const StopSource* stop) {
  std::vector<std::unique_ptr<runtime::Engine>> engines;
  if (wanted != "auto") {
    engines.push_back(select_engine(providers, wanted, url, stop).engine);
    return engines;
  }
  for (const runtime::EngineProvider* provider : candidates(providers, wanted, url)) {
    if (!provider->present()) continue;
    try {
      engines.push_back(provider->connect({url, stop}));
    } catch (const Error& error) {
      log::info("{} is left out: {}", provider->name(), error.what());
    }
  }
  return engines;
}

}  // namespace drydock::core
