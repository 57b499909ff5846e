#include "base/error.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"
#include "runtime/inspect.hpp"

namespace drydock::podman {

runtime::ImageReport PodmanImages::inspect(const std::string& reference) {
  return runtime::read_image_inspect(api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"}));
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
