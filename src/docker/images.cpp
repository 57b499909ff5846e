#include "base/error.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"
#include "runtime/inspect.hpp"

namespace drydock::docker {

runtime::ImageReport DockerImages::inspect(const std::string& reference) {
  return runtime::read_image_inspect(api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"}));
}

void DockerImages::load(const std::string& path) {
  runtime::http::Request request;
  request.method = "POST";
  request.target = api_.prefix() + "/images/load?quiet=1";
  request.content_type = "application/x-tar";
  request.upload_file = path;
  request.patient = true;
  request.patience = runtime::http::image_load;
  const runtime::http::Response response = api_.client().send(request);
  if (response.status != 200) api_.fail("load image", response.status, response.body);
  // A load that fails midway answers 200 and says so in the stream.
  for (const std::string& line : split(response.body, '\n')) {
    if (trim(line).empty() || trim(line).front() != '{') continue;
    const Json message = parse_json(line, "Docker's progress");
    if (const std::string error = string_or(message, "error"); !error.empty()) {
      throw Error(ErrorKind::engine, "cannot load image: " + printable(error));
    }
  }
}

void DockerImages::remove(const std::string& reference) {
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

}  // namespace drydock::docker
