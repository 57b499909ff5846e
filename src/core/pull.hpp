// When the image of a session is fetched from its registry: only when the user says so.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/talk.hpp"
#include "runtime/engine.hpp"

namespace drydock::core {

enum class PullPolicy {
  never,
  missing,  // when the engine does not have it
  always,
  newer,  // as always, but the one that is there will do when it cannot be fetched
};

// By its name.
std::optional<PullPolicy> parse_pull_policy(std::string_view text);

// Throws Error(refused) when the reference names a digest (NAME@sha256:…) and the image has another.
void require_digest(const std::string& engine, const std::string& reference,
                    const runtime::ImageReport& image);

// Has the engine fetch the image, as the policy says. Throws what Images::pull() throws.
void pull_as_asked(runtime::Engine& engine, const std::string& reference, PullPolicy policy, Talk& talk);

}  // namespace drydock::core
