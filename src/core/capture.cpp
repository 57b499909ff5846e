#include "core/capture.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/host_pattern.hpp"

namespace drydock::core {
namespace {

constexpr std::string_view canary_names = ".drydock.invalid";

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string counts_of(const CapturedHost& host) {
  std::string text = counted(host.opened, "tunnel");
  if (host.failed > 0) text += ", " + std::to_string(host.failed) + " failed";
  return text + ", " + std::to_string(host.sent) + " B out, " + std::to_string(host.received) + " B in";
}

// Why an allowlist refuses the name as a line; empty when it takes it.
std::string why_no_line(const std::string& host) {
  const auto pattern = parse_host_pattern(host);
  if (!pattern) return pattern.error();
  return pattern->kind == HostPattern::Kind::exact ? std::string{} : "it names no single host";
}

Json json_of(const CapturedHost& host, bool needed) {
  return {{"host", host.host},
          {"needed", needed},
          {"opened", host.opened},
          {"failed", host.failed},
          {"sent", host.sent},
          {"received", host.received},
          {"allowed_by", host.allowed_by.empty() ? Json(nullptr) : Json(host.allowed_by)}};
}

}  // namespace

void Capture::add(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return;
  try {
    take(json);
  } catch (const Error&) {
    // No line of a guard's.
  }
}

void Capture::take(const Json& json) {
  const std::string event = string_or(json, "event");
  const std::string name = string_or(json, "host");
  const Octets octets = traffic_.take(json);
  if (name.empty() || ends_with(name, canary_names)) return;
  if (event == "denied") {
    const auto key = std::pair(name, string_or(json, "reason"));
    if (refusals_.count(key) == 0 && refusals_.size() >= limit) return;
    CapturedRefusal& refusal = refusals_[key];
    refusal = {key.first, key.second, refusal.count + 1};
    return;
  }
  if (event != "open" && event != "progress" && event != "close") return;
  const std::string rule = string_or(json, "rule");
  if (rule.empty() || (hosts_.count(name) == 0 && hosts_.size() >= limit)) return;
  CapturedHost& host = hosts_[name];
  host.host = name;
  if (const std::string source = string_or(json, "source"); source != capture_source)
    host.allowed_by = rule + " (" + source + ")";
  if (event == "open") ++host.opened;
  // A close that carried nothing never had an open.
  if (event == "close" && find_member(json, "sent") == nullptr) ++host.failed;
  host.sent += octets.sent;
  host.received += octets.received;
}

std::vector<CapturedHost> Capture::hosts() const {
  std::vector<CapturedHost> all;
  for (const auto& [name, host] : hosts_) all.push_back(host);
  return all;
}

std::vector<CapturedRefusal> Capture::refusals() const {
  std::vector<CapturedRefusal> all;
  for (const auto& [key, refusal] : refusals_) all.push_back(refusal);
  return all;
}

std::string why_not_again(int status) {
  if (status == 0) return {};
  const std::string number = std::to_string(status);
  // 128 + N of signal N, as a shell has it.
  return status > 128 && status <= 128 + 64 ? "was interrupted (exit status " + number + ")"
                                            : "failed (exit status " + number + ")";
}

std::string candidate_lines(const Capture& needed, const Capture* other) {
  std::string lines;
  std::string remarks;
  const auto hosts = needed.hosts();
  std::size_t width = 0;
  for (const CapturedHost& host : hosts) {
    if (host.allowed_by.empty() && why_no_line(host.host).empty()) width = std::max(width, host.host.size());
  }
  for (const CapturedHost& host : hosts) {
    const std::string why = why_no_line(host.host);
    if (host.allowed_by.empty() && !why.empty()) {
      remarks +=
          "# no line can be: " + one_line(host.host, 253) + ", for " + why + "; " + counts_of(host) + "\n";
    } else if (host.allowed_by.empty()) {
      lines += host.host + std::string(width - host.host.size(), ' ') + "  # " + counts_of(host) + "\n";
    } else {
      remarks += "# allowed already: " + host.host + ", by " + one_line(host.allowed_by, 4096) + "; " +
                 counts_of(host) + "\n";
    }
  }
  if (other != nullptr) {
    for (const CapturedHost& host : other->hosts()) {
      if (!needed.has(host.host))
        remarks += "# only with telemetry: " + host.host + "; " + counts_of(host) + "\n";
    }
  }
  for (const CapturedRefusal& refusal : needed.refusals()) {
    remarks += "# refused all the same: " + one_line(refusal.host, 253) + ", " +
               counted(refusal.count, "time") + ": " + one_line(refusal.reason, 200) + "\n";
  }
  return lines + remarks;
}

Json to_json(const Capture& needed, const Capture* other) {
  Json hosts = Json::array();
  for (const CapturedHost& host : needed.hosts()) hosts.push_back(json_of(host, true));
  if (other != nullptr) {
    for (const CapturedHost& host : other->hosts()) {
      if (!needed.has(host.host)) hosts.push_back(json_of(host, false));
    }
  }
  Json refused = Json::array();
  for (const CapturedRefusal& refusal : needed.refusals())
    refused.push_back({{"host", refusal.host}, {"reason", refusal.reason}, {"count", refusal.count}});
  return {{"schema", 1}, {"twice", other != nullptr}, {"hosts", hosts}, {"refused", refused}};
}

}  // namespace drydock::core
