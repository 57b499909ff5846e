#include "base/error.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"
#include "runtime/inspect.hpp"
#include "runtime/pull.hpp"

namespace drydock::podman {

runtime::ImageReport PodmanImages::inspect(const std::string& reference) {
  return runtime::read_image_inspect(api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"}));
}

std::vector<runtime::ImageSummary> PodmanImages::list(const std::string& label) {
  const Json filters = {{"label", Json::array({label})}};
  return runtime::read_image_list(
      api_.call({.purpose = "list images", .path = "/images/json?filters=" + url_encode(filters.dump())}));
}

void PodmanImages::pull(const std::string& reference,
                        const std::function<void(const std::string&)>& progress) {
  runtime::pull(api_, reference, "/images/pull?reference=" + url_encode(reference), progress);
}

void PodmanImages::load(const std::string& path) {
  runtime::http::Request request;
  request.method = "POST";
  request.target = api_.prefix() + "/images/load";
  request.content_type = "application/x-tar";
  request.upload_file = path;
  request.patient = true;
  request.patience = runtime::http::image_load;
  const runtime::http::Response response = api_.client().send(request);
  if (response.status != 200) api_.fail("load image", response.status, response.body);
}

void PodmanImages::save(const std::string& reference, const std::string& path, std::uint64_t limit) {
  api_.call_to_file({.purpose = "save image '" + printable(reference, 200) + "'",
                     .path = "/images/" + url_encode(reference) + "/get?format=docker-archive",
                     .patient = true,
                     .patience = runtime::http::image_load},
                    path, limit);
}

void PodmanImages::remove(const std::string& reference) {
  try {
    api_.call({.purpose = "remove image '" + reference + "'",
               .method = "DELETE",
               .path = "/images/" + url_encode(reference),
               .patient = true,
               .patience = runtime::http::slow_call});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

}  // namespace drydock::podman
