#include "base/error.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"
#include "runtime/inspect.hpp"
#include "runtime/pull.hpp"

namespace drydock::docker {

runtime::ImageReport DockerImages::inspect(const std::string& reference) {
  return runtime::read_image_inspect(api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"}));
}

std::vector<runtime::ImageSummary> DockerImages::list(const std::string& label) {
  const Json filters = {{"label", Json::array({label})}};
  return runtime::read_image_list(
      api_.call({.purpose = "list images", .path = "/images/json?filters=" + url_encode(filters.dump())}));
}

void DockerImages::pull(const std::string& reference,
                        const std::function<void(const std::string&)>& progress) {
  runtime::pull(api_, reference,
                "/images/create?fromImage=" + url_encode(reference) +
                    (runtime::has_tag_or_digest(reference) ? "" : "&tag=latest"),
                progress);
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

void DockerImages::save(const std::string& reference, const std::string& path, std::uint64_t limit) {
  api_.call_to_file({.purpose = "save image '" + printable(reference, 200) + "'",
                     .path = "/images/" + url_encode(reference) + "/get",
                     .patient = true,
                     .patience = runtime::http::image_load},
                    path, limit);
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
