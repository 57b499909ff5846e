// What drydock's own images have in common: labels that say what they were made from, and the way into an
// engine.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/engine.hpp"

namespace drydock::core {

inline constexpr const char* image_kind_label = "io.drydock.image";  // "egress" or "base"
inline constexpr const char* image_content_label =
    "io.drydock.content";  // digest of what the image was made from
inline constexpr const char* image_version_label = "io.drydock.version";  // of the drydock that made it

struct OwnImage {
  std::string reference;
  std::string content;  // the value of image_content_label
};

// What the engine has under this name; nullopt where that is nothing.
std::optional<runtime::ImageReport> find_image(runtime::Engine& engine, const std::string& reference);

bool engine_has(runtime::Engine& engine, const OwnImage& image);

// Loads an archive that `write` makes at the path it gets (in `directory`, by default where temporary files
// are), and makes sure that the engine has the image then. An image that had the reference before is removed
// unless it is in use.
void load_own_image(runtime::Engine& engine, const OwnImage& image,
                    const std::function<void(const std::string& path)>& write,
                    const std::string& directory = {});

}  // namespace drydock::core
