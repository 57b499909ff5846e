#include "base/error.hpp"
#include "base/text.hpp"
#include "podman/podman_engine.hpp"

namespace drydock::podman {
namespace {

std::map<std::string, std::string> to_map(const Json* json) {
  std::map<std::string, std::string> map;
  if (json == nullptr) return map;
  for (const auto& [key, value] : json->items()) {
    if (value.is_string()) map[key] = value.get<std::string>();
  }
  return map;
}

}  // namespace

runtime::ImageReport PodmanImages::inspect(const std::string& reference) {
  const Json json = api_.call(
      {.purpose = "use image '" + reference + "'", .path = "/images/" + url_encode(reference) + "/json"});
  runtime::ImageReport report;
  report.id = require_string(json, "Id");
  report.tags = strings_or_empty(json, "RepoTags");
  report.architecture = string_or(json, "Architecture");
  report.labels = to_map(find_member(json, "Labels"));
  report.annotations = to_map(find_member(json, "Annotations"));
  if (const Json* config = find_member(json, "Config")) {
    report.command = strings_or_empty(*config, "Cmd");
    report.entrypoint = strings_or_empty(*config, "Entrypoint");
    report.environment = strings_or_empty(*config, "Env");
    report.user = string_or(*config, "User");
    if (const Json* volumes = find_member(*config, "Volumes")) {
      for (const auto& [path, unused] : volumes->items()) report.volumes.push_back(path);
    }
  }
  return report;
}

void PodmanImages::load(const std::string& path) {
  runtime::http::Request request;
  request.method = "POST";
  request.target = api_.prefix() + "/images/load";
  request.content_type = "application/x-tar";
  request.upload_file = path;
  request.patient = true;
  const runtime::http::Response response = api_.client().send(request);
  if (response.status != 200) api_.fail("load image", response.status, response.body);
}

void PodmanImages::remove(const std::string& reference) {
  try {
    api_.call({.purpose = "remove image '" + reference + "'",
               .method = "DELETE",
               .path = "/images/" + url_encode(reference),
               .patient = true});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

}  // namespace drydock::podman
