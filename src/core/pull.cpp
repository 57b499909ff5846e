#include "core/pull.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/own_image.hpp"

namespace drydock::core {
void require_digest(const std::string& engine, const std::string& reference,
                    const runtime::ImageReport& image) {
  const auto at = reference.rfind('@');
  if (at == std::string::npos) return;
  const std::string digest = reference.substr(at);
  const bool known = std::any_of(image.digests.begin(), image.digests.end(),
                                 [&](const std::string& other) { return ends_with(other, digest); });
  if (known) return;
  throw Error(ErrorKind::refused,
              "cannot use image '" + printable(reference, 200) + "': what " + engine +
                  " has under this name does not have this digest",
              "do not trust where it came from");
}

std::optional<PullPolicy> parse_pull_policy(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, PullPolicy>, 4> policies{{{"never", PullPolicy::never},
                                                                             {"missing", PullPolicy::missing},
                                                                             {"always", PullPolicy::always},
                                                                             {"newer", PullPolicy::newer}}};
  for (const auto& [name, policy] : policies) {
    if (name == text) return policy;
  }
  return std::nullopt;
}

void pull_as_asked(runtime::Engine& engine, const std::string& reference, PullPolicy policy, Talk& talk) {
  if (policy == PullPolicy::never) return;
  const bool there = policy != PullPolicy::always && find_image(engine, reference).has_value();
  if (policy == PullPolicy::missing && there) return;
  const std::string name = printable(reference, 200);
  talk.progress("pulling " + name);
  try {
    engine.images().pull(reference,
                         [&](const std::string& text) { talk.progress("pulling " + name + ": " + text); });
  } catch (const Error& error) {
    if (policy != PullPolicy::newer || !there) throw;
    talk.say("image '" + name + "' is the one that is here: " + error.what());
    return;
  }
}

}  // namespace drydock::core
