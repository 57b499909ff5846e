#include "base/version.hpp"
#include "core/doctor.hpp"

namespace drydock::core {
namespace {

constexpr int schema_version = 1;

Json to_json(const runtime::Finding& finding) {
  return {{"id", finding.id},
          {"status", std::string(runtime::to_string(finding.status))},
          {"what", finding.what},
          {"fix", finding.fix}};
}

Json to_json(const runtime::Findings& findings) {
  Json array = Json::array();
  for (const runtime::Finding& finding : findings) array.push_back(to_json(finding));
  return array;
}

Json to_json(const EngineReport& engine) {
  Json json{{"runtime", engine.runtime}, {"chosen", engine.chosen}, {"present", engine.present},
            {"works", engine.works()},   {"engine", nullptr},       {"findings", to_json(engine.findings)}};
  if (engine.info) {
    json["engine"] = {{"version", engine.info->version},
                      {"api_version", engine.info->api_version},
                      {"socket", engine.info->socket},
                      {"rootless", engine.info->rootless},
                      {"components", engine.info->components}};
  }
  return json;
}

Json to_json(const std::vector<Denial>& denials) {
  Json array = Json::array();
  for (const Denial& denial : denials)
    array.push_back({{"host", denial.host}, {"reason", denial.reason}, {"time", denial.last}});
  return array;
}

Json to_json(const std::optional<ProxyTrouble>& proxy) {
  if (!proxy) return nullptr;
  return {{"restarts", proxy->restarts},
          {"hangs", proxy->hangs},
          {"last", proxy->last.empty() ? Json(nullptr) : Json(proxy->last)},
          {"reason", proxy->reason.empty() ? Json(nullptr) : Json(proxy->reason)}};
}

Json egress_json(const DoctorReport& report) {
  Json sources = Json::array();
  for (const AllowlistSource& source : report.sources)
    sources.push_back({{"name", source.name}, {"state", source.state}, {"entries", source.entries}});
  Json sessions = Json::array();
  for (const LiveSession& session : report.sessions) {
    sessions.push_back({{"id", session.id},
                        {"runtime", session.runtime},
                        {"mode", session.mode},
                        {"sidecar", session.sidecar},
                        {"allowed", session.counts ? Json(session.counts->allowed) : Json(nullptr)},
                        {"denied", session.counts ? Json(session.counts->denied) : Json(nullptr)},
                        {"last_denied", to_json(session.last_denied)},
                        {"proxy", to_json(session.proxy)}});
  }
  Json filter = nullptr;
  if (report.filter) {
    filter = Json::array();
    for (const Entry& entry : *report.filter)
      filter.push_back({{"host", entry.pattern.to_string()}, {"from", entry.source.to_string()}});
  }
  return {{"sources", sources},
          {"entries", report.filter ? Json(report.filter->size()) : Json(nullptr)},
          {"filter", filter},
          {"sessions", sessions}};
}

Json gaps_json(const DoctorReport& report) {
  Json table = Json::array();
  for (const auto& [gap, here] : report.gaps) {
    const bool closed = gap->closed();
    table.push_back({{"letter", std::string(1, gap->letter)},
                     {"what", gap->what},
                     {"closed", closed},
                     {"remains", closed ? Json(nullptr) : Json(gap->brief)},
                     {"where", closed ? Json(nullptr) : Json(to_string(gap->open))},
                     {"here", here ? Json(*here) : Json(nullptr)}});
  }
  return table;
}

}  // namespace

Json to_json(const DoctorReport& report) {
  Json engines = Json::array();
  for (const EngineReport& engine : report.engines) engines.push_back(to_json(engine));
  Json sections = Json::object();
  for (const DoctorSection& section : report.sections) sections[section.name] = to_json(section.findings);
  Json files = Json::array();
  for (const ConfigurationFile& file : report.files)
    files.push_back({{"path", file.path}, {"what", file.what}, {"state", file.state}});
  Json mode = nullptr;
  if (report.mode)
    mode = {{"mode", std::string(to_string(report.mode->mode))}, {"reason", report.mode->reason}};
  return {{"schema", schema_version},
          {"version", version},
          {"works", report.works()},
          {"runtime", report.runtime.empty() ? Json(nullptr) : Json(report.runtime)},
          {"reason", report.reason},
          {"fix", report.fix},
          {"project", report.project.empty() ? Json(nullptr) : Json(report.project)},
          {"mode", mode},
          {"engines", engines},
          {"sections", sections},
          {"egress", egress_json(report)},
          {"files", files},
          {"gaps", gaps_json(report)}};
}

}  // namespace drydock::core
