#include "base/error.hpp"
#include "base/text.hpp"
#include "docker/docker_engine.hpp"

namespace drydock::docker {

runtime::ImageReport DockerImages::inspect(const std::string& reference) {
  const Json json = api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"});
  runtime::ImageReport report;
  report.id = require_string(json, "Id");
  report.tags = strings_or_empty(json, "RepoTags");
  report.architecture = string_or(json, "Architecture");
  if (const Json* config = find_member(json, "Config")) {
    report.command = strings_or_empty(*config, "Cmd");
    report.entrypoint = strings_or_empty(*config, "Entrypoint");
    report.environment = strings_or_empty(*config, "Env");
    report.user = string_or(*config, "User");
    if (const Json* volumes = find_member(*config, "Volumes")) {
      for (const auto& [path, unused] : volumes->items()) report.volumes.push_back(path);
    }
    if (const Json* labels = find_member(*config, "Labels")) {
      for (const auto& [key, value] : labels->items()) {
        if (value.is_string()) report.labels[key] = value.get<std::string>();
      }
    }
  }
  return report;
}

void DockerImages::load(const std::string& path) {
  runtime::http::Request request;
  request.method = "POST";
  request.target = api_.prefix() + "/images/load?quiet=1";
  request.content_type = "application/x-tar";
  request.upload_file = path;
  request.patient = true;
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
               .patient = true});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

}  // namespace drydock::docker
