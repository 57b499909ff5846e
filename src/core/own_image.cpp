#include "core/own_image.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

bool has_content(const std::optional<runtime::ImageReport>& report, const std::string& content) {
  if (!report) return false;
  const auto label = report->labels.find(image_content_label);
  return label != report->labels.end() && label->second == content;
}

}  // namespace

std::optional<runtime::ImageReport> find_image(runtime::Engine& engine, const std::string& reference) {
  try {
    return engine.images().inspect(reference);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

bool engine_has(runtime::Engine& engine, const OwnImage& image) {
  return has_content(find_image(engine, image.reference), image.content);
}

void load_own_image(runtime::Engine& engine, const OwnImage& image,
                    const std::function<void(const std::string& path)>& write, const std::string& directory) {
  const std::optional<runtime::ImageReport> before = find_image(engine, image.reference);
  const TempFile archive("drydock-image", directory);
  write(archive.path());
  engine.images().load(archive.path());
  const std::optional<runtime::ImageReport> after = find_image(engine, image.reference);
  if (!has_content(after, image.content)) {
    throw Error(ErrorKind::engine,
                "cannot load image '" + image.reference + "': the engine does not have it afterwards");
  }
  if (!before || before->id == after->id || before->tags.size() > 1) return;
  try {
    engine.images().remove(before->id);
  } catch (const Error& error) {
    log::debug("image {} stays: {}", before->id, error.what());
  }
}

}  // namespace drydock::core
