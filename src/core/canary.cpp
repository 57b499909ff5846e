#include "core/canary.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "core/guard_config.hpp"
#include "core/labels.hpp"
#include "core/proxy_config.hpp"
#include "core/verify.hpp"

namespace drydock::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::int64_t probe_pids = 64;
constexpr milliseconds report_limit{10000};
constexpr std::size_t max_report = 65536;
constexpr std::uint32_t host_offset = 1;  // the engine's to give to the host

[[noreturn]] void no_report(const std::string& reason) {
  throw Error(ErrorKind::refused, "cannot trust the jail: its canary did not report: " + reason,
              "rebuild the sidecar's image with: drydock build --no-cache");
}

// As the agent would have them: the engine, or the host's settings, may put others in their place.
bool is_proxy_variable(const std::string& name) {
  const std::string lower = to_lower_ascii(name);
  return lower == "https_proxy" || lower == "http_proxy" || lower == "all_proxy" || lower == "no_proxy";
}

std::string text_of(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? printable(json[key].get<std::string>(), 100) : "";
}

}  // namespace

const std::vector<std::string>& canary_checks() {
  static const std::vector<std::string> checks{"allowed", "unlisted", "dial", "dns"};
  return checks;
}

const std::vector<std::string>& all_wall_checks() {
  static const std::vector<std::string> checks{"allowed",    "unlisted", "literal",   "plain",  "port",
                                               "dial",       "dns",      "host",      "route",  "ipv6",
                                               "look-alike", "spelling", "ambiguous", "direct", "nameless",
                                               "no-tls",     "ports",    "powers",    "socket", "variables"};
  return checks;
}

runtime::ContainerSpec make_probe(const Plan& plan, const std::vector<std::string>& checks, int silence_ms) {
  runtime::ContainerSpec probe = *plan.sidecar;
  probe.name = plan.name + "-probe";
  const auto internal = plan.agent.networks.front();
  const runtime::Ipv4 proxy = plan.sidecar->networks.back().address;
  const Json settings = {{"proxy", {{"address", proxy.to_string()}, {"port", proxy_port}}},
                         {"host", plan.networks.front().subnet.at(host_offset).to_string()},
                         {"canary", plan.canary},
                         {"silence_ms", silence_ms},
                         {"checks", checks}};
  probe.entrypoint = {guard_program_path, "--probe", settings.dump()};
  probe.labels[std::string(label::role)] = "probe";
  probe.open_stdin = true;  // its end is the word to begin
  probe.binds.clear();
  if (probe.limits.pids > 0) probe.limits.pids = probe_pids;
  probe.sysctls = plan.agent.sysctls;
  probe.networks = {internal};
  probe.no_dns = plan.agent.no_dns;
  probe.host_entries = plan.agent.host_entries;
  for (const auto& [name, value] : plan.agent.environment) {
    if (is_proxy_variable(name)) probe.environment[name] = value;
  }
  return probe;
}

std::vector<WallCheck> parse_probe_report(std::string_view output, const std::vector<std::string>& checks) {
  const Json json = Json::parse(trim(output), nullptr, false);
  if (!json.is_object() || !json.contains("checks") || !json["checks"].is_array()) {
    no_report(trim(output).empty() ? "it said nothing" : "it said '" + printable(trim(output), 200) + "'");
  }
  std::vector<WallCheck> results;
  for (const Json& entry : json["checks"]) {
    if (!entry.is_object()) no_report("a check is not an object");
    const bool ok = entry.contains("ok") && entry["ok"].is_boolean() && entry["ok"].get<bool>();
    results.push_back({text_of(entry, "name"), text_of(entry, "expected"), text_of(entry, "got"), ok});
  }
  const bool complete =
      std::equal(results.begin(), results.end(), checks.begin(), checks.end(),
                 [](const WallCheck& check, const std::string& name) { return check.name == name; });
  if (!complete) no_report("it did not make the checks that it was told");
  return results;
}

Probe::Probe(runtime::Engine& engine, const Plan& plan, StopSource& stop)
    : engine_(engine), plan_(plan), stop_(stop) {
  const std::string& name = plan.probe->name;
  engine.containers().create(*plan.probe);
  verify(*plan.probe, engine.containers().inspect(name), false);
  stream_ = engine.containers().attach(name, false, true);
  started_ = engine.containers().begin_start(name);
}

std::vector<WallCheck> Probe::finish() {
  try {
    started_.get();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::command_not_found && error.kind() != ErrorKind::command_not_executable)
      throw;
    no_report("the sidecar's image lacks its program");
  }
  stream_->close_input();
  const auto deadline = steady_clock::now() + report_limit;
  std::string output;
  // Its end is that of the stream, but one line is all it has to say.
  for (bool more = true; more && output.find('\n') == std::string::npos && output.size() < max_report;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) no_report("it said nothing within 10 s");
    std::array<pollfd, 2> watch{pollfd{stream_->fd(), POLLIN, 0}, pollfd{stop_.fd(), POLLIN, 0}};
    ::poll(watch.data(), watch.size(), stream_->has_buffered() ? 0 : static_cast<int>(left));
    stop_.check();
    more = stream_->read([&](runtime::Channel, std::span<const std::byte> bytes) {
      output.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
  }
  stream_.reset();
  engine_.containers().remove(plan_.probe->name);
  return parse_probe_report(output, plan_.wall_checks);
}

void require_wall(const std::string& session, const std::vector<WallCheck>& checks) {
  std::vector<std::string> holes;
  for (const WallCheck& check : checks) {
    if (!check.ok)
      holes.push_back(check.name + " should be '" + check.expected + "' and is '" + check.got + "'");
  }
  if (holes.empty()) return;
  throw Error(
      ErrorKind::refused,
      "cannot start session '" + session + "': its canary found a hole in the jail: " + join(holes, "; "),
      "the agent was not started; report this with the engine's version");
}

}  // namespace drydock::core
