#include "core/session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/agent_seeds.hpp"
#include "core/labels.hpp"
#include "core/proxy_config.hpp"
#include "core/verify.hpp"

namespace drydock::core {
namespace {

using std::chrono::steady_clock;

constexpr auto ready_limit = std::chrono::seconds(10);

// The sidecar's user is nobody of the host's: the files must be readable for others, and are shut off from
// them by the 0700 folder above.
void write_file(const std::string& path, const std::string& content, mode_t mode = 0644) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file || ::fchmod(file.get(), mode) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot write file '" + path + "'", errno));
  }
  std::string_view rest = content;
  while (!rest.empty()) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(ErrorKind::internal, with_errno("cannot write file '" + path + "'", errno));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void make_state(const Plan& plan, const std::vector<Secret>& secrets) {
  StateRequest request;
  request.session = plan.session;
  request.engine = engine_key(plan.engine);
  request.owner = *Owner::read_from(plan.agent.labels);
  request.uid = plan.agent.uid;
  request.gid = plan.agent.gid;
  request.project = plan.project.path;
  request.secrets = secrets;
  const std::string below = std::string(agent_home) + "/";
  for (const runtime::BindMount& bind : plan.agent.binds) {
    struct stat status {};
    if (starts_with(bind.target, below) && ::stat(bind.source.c_str(), &status) == 0)
      request.mount_points.push_back({bind.target.substr(below.size()), S_ISDIR(status.st_mode)});
  }
  make_session_state(*plan.state, request);
}

void write_files(const Plan& plan, const std::vector<Secret>& secrets) {
  make_session_directory(plan.session, engine_key(plan.engine), *Owner::read_from(plan.agent.labels));
  if (!plan.hosts_file.empty()) write_file(plan.hosts_file, plan.hosts);
  if (!plan.git_config_file.empty()) write_file(plan.git_config_file, plan.git_config);
  if (!plan.masks.empty()) {
    make_directories(plan.mask_directory + "/folder", 0755);
    write_file(plan.mask_directory + "/file", "");
  }
  if (!plan.policy_directory.empty()) make_directories(plan.policy_directory, 0755);
  for (std::size_t i = 0; i < plan.policy.size(); ++i) {
    const AgentFile& file = plan.policy[i];
    if (const auto mount = policy_mount(plan, i))
      write_file(mount->source, file.text, file.executable ? 0755 : 0644);
  }
  if (plan.state) make_state(plan, secrets);
  if (!plan.secrets.empty()) {
    std::vector<Secret> files = secrets;
    if (plan.state) {
      const SeedFacts facts{plan.project.path, plan.state->logged_in, secrets};
      for (Secret& file : secrets_of_seeds(plan.state->seeds, facts)) files.push_back(std::move(file));
    }
    write_secrets(plan.secrets_directory, files, plan.agent.uid, plan.agent.gid);
  }
  if (plan.sidecar_files.empty()) return;
  make_directories(plan.sidecar_directory, 0755);
  if (::chmod(plan.sidecar_directory.c_str(), 0755) != 0) {
    throw Error(ErrorKind::internal,
                with_errno("cannot set the mode of '" + plan.sidecar_directory + "'", errno));
  }
  for (const auto& [name, content] : plan.sidecar_files)
    write_file(plan.sidecar_directory + "/" + name, content);
}

// Whether something listens on address:port in the network namespace of a process; unknown (false, no table)
// when /proc does not show it.
enum class Listening { yes, no, unknown };

Listening listens(int pid, runtime::Ipv4 address, unsigned port) {
  std::ifstream table("/proc/" + std::to_string(pid) + "/net/tcp");
  if (pid <= 0 || !table) return Listening::unknown;
  // proc(5): the address in network byte order as one hexadecimal word, the port in host order; state 0A is
  // LISTEN.
  std::array<char, 16> wanted{};
  const std::uint32_t word = __builtin_bswap32(address.value);
  std::snprintf(wanted.data(), wanted.size(), "%08X:%04X", word, port);
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string remote;
    std::string state;
    fields >> slot >> local >> remote >> state;
    if (local == wanted.data() && state == "0A") return Listening::yes;
  }
  return Listening::no;
}

// What a line of the guard's says: the value of "event" (or, for `key`, another), empty if it is not an
// event.
std::string event_text(const std::string& line, const char* key) {
  const Json json = Json::parse(line, nullptr, false);
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

bool says_ready(const std::string& output) {
  const auto lines = split(output, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return event_text(line, "event") == "ready"; });
}

// The end of what the sidecar said, for people.
std::string last_words(const std::string& output) {
  const auto lines = split(trim(output), '\n');
  const std::string& last = lines.empty() ? output : lines.back();
  const std::string reason = event_text(last, "reason");
  return printable(reason.empty() ? last : reason, 200);
}

// The sidecar's program is drydock's own: that it is missing is not the agent's "command not found".
void await_program(std::future<void>& started, const std::string& sidecar) {
  try {
    started.get();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::command_not_found && error.kind() != ErrorKind::command_not_executable)
      throw;
    throw Error(ErrorKind::engine,
                "cannot start sidecar '" + sidecar + "': its image lacks the guard's program",
                "rebuild its image with: drydock build --no-cache")
        .add_note(error.what());
  }
}

}  // namespace

Session::Session(runtime::Engine& engine, const Plan& plan, StopSource& stop, Timings* timings)
    : engine_(engine), plan_(plan), stop_(stop), timings_(timings) {}

void Session::begin(const char* step) {
  if (timings_ != nullptr) timings_->begin(step);
}

void Session::create_networks() {
  begin("make the networks");
  for (const runtime::NetworkSpec& network : plan_.networks) {
    engine_.networks().create(network);
    verify(network, engine_.networks().inspect(network.name));
  }
}

void Session::create_sidecar() {
  begin("make the sidecar");
  engine_.containers().create(*plan_.sidecar);
  verify(*plan_.sidecar, engine_.containers().inspect(plan_.sidecar->name), false);
}

void Session::create_agent() {
  begin("make the agent's container");
  engine_.containers().create(plan_.agent);
  verify(plan_.agent, engine_.containers().inspect(plan_.agent.name), false);
}

Session::Starting Session::begin_sidecar() {
  const std::string& name = plan_.sidecar->name;
  auto stream = engine_.containers().attach(name, false, false);
  return {std::move(stream), engine_.containers().begin_start(name)};
}

void Session::await_sidecar(Starting starting) {
  begin("wait for the sidecar");
  const std::string& name = plan_.sidecar->name;
  const auto& stream = starting.stream;
  await_program(starting.started, name);
  const auto deadline = steady_clock::now() + ready_limit;
  std::string output;
  bool announced = false;
  bool ended = false;
  while (!announced && !ended) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) break;
    std::array<pollfd, 2> watch{pollfd{stream->fd(), POLLIN, 0}, pollfd{stop_.fd(), POLLIN, 0}};
    ::poll(watch.data(), watch.size(), stream->has_buffered() ? 0 : static_cast<int>(left));
    stop_.check();
    ended = !stream->read([&](runtime::Channel, std::span<const std::byte> bytes) {
      output.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    announced = says_ready(output);
  }
  const runtime::ContainerReport report = engine_.containers().inspect(name);
  if (report.state == runtime::ContainerState::running) verify(*plan_.sidecar, report, true);
  sidecar_pid_ = report.pid;
  const runtime::Ipv4 address = plan_.sidecar->networks.back().address;
  while (announced && listens(report.pid, address, proxy_port) == Listening::no &&
         steady_clock::now() < deadline) {
    ::poll(nullptr, 0, 1);
    stop_.check();
  }
  if (!announced || listens(report.pid, address, proxy_port) == Listening::no) {
    const std::string last = last_words(output);
    const bool limited = last.find("fs.inotify.") != std::string::npos;
    throw Error(ErrorKind::engine,
                "cannot start sidecar '" + name +
                    "': " + (ended ? "it ended at once" : "it did not listen within 10 s") +
                    (last.empty() ? "" : ", its last words: " + last),
                limited ? "raise that limit of this machine, see sysctl(8)"
                        : "rebuild its image with: drydock build");
  }
}

std::vector<WallCheck> Session::raise_wall(const std::vector<Secret>& secrets,
                                           const std::function<void()>& meanwhile) {
  begin("write the session's files");
  write_files(plan_, secrets);
  if (plan_.capture) lease_.emplace(plan_.session);
  create_networks();
  if (!plan_.sidecar) {
    meanwhile();
    return {};
  }
  // First, for it has silences to wait for.
  std::optional<Probe> probe;
  if (plan_.probe) {
    begin("make the canary");
    probe.emplace(engine_, plan_, stop_);
  }
  create_sidecar();
  Starting starting = begin_sidecar();
  meanwhile();
  await_sidecar(std::move(starting));
  if (!probe) return {};
  begin("wait for the canary");
  return probe->finish();
}

void Session::launch(const std::vector<Secret>& secrets) {
  or_remove([&] { require_wall(plan_.session, raise_wall(secrets, [this] { create_agent(); })); });
}

std::vector<WallCheck> Session::launch_wall() {
  std::vector<WallCheck> checks;
  or_remove([&] { checks = raise_wall({}, [] {}); });
  return checks;
}

void Session::or_remove(const std::function<void()>& steps) {
  try {
    steps();
  } catch (...) {
    // A request to stop must not stop the removal as well.
    const int signal = stop_.acknowledge();
    for (const std::string& failure : remove()) log::warn("{}", failure);
    if (signal != 0) throw Interrupted(signal);
    throw;
  }
}

std::unique_ptr<runtime::AttachStream> Session::start_attached(bool with_stdin) {
  begin("start the agent");
  auto stream = engine_.containers().attach(plan_.agent.name, plan_.agent.tty, with_stdin);
  engine_.containers().start(plan_.agent.name);
  verify_started();
  return stream;
}

void Session::start_detached() {
  begin("start the agent");
  engine_.containers().start(plan_.agent.name);
  verify_started();
}

void Session::verify_started() {
  const runtime::ContainerReport report = engine_.containers().inspect(plan_.agent.name);
  // One that has ended already has no address any more.
  verify(plan_.agent, report, report.state == runtime::ContainerState::running);
  std::vector<GuardedPath> mounted = plan_.guards;
  for (const Mask& mask : plan_.masks) {
    const runtime::BindMount bind = mask_mount(plan_, mask);
    struct stat status {};
    if (::stat(bind.source.c_str(), &status) != 0) {
      throw Error(ErrorKind::internal, with_errno("cannot look at '" + bind.source + "'", errno));
    }
    mounted.push_back({bind.source, true, status.st_dev, status.st_ino, bind.target});
  }
  const auto moved = misplaced(mounted, report.pid);
  if (moved.empty()) return;
  throw Error(ErrorKind::refused,
              "cannot trust container '" + plan_.agent.name + "': what is mounted at '" +
                  printable(moved.front(), 200) + "' is not what was looked at",
              "something changes these files right now; try again when it has ended");
}

int Session::wait() { return engine_.containers().wait(plan_.agent.name); }

void Session::stop_agent(int grace) { engine_.containers().stop(plan_.agent.name, grace); }

SessionRecord Session::record() const {
  SessionRecord record;
  record.id = plan_.session;
  record.project = plan_.project.path;
  record.log = plan_.agent.labels.count(std::string(label::no_log)) == 0;
  record.agents = {plan_.agent.name};
  if (plan_.probe) record.probes = {plan_.probe->name};
  if (plan_.sidecar) record.sidecars = {plan_.sidecar->name};
  for (const runtime::NetworkSpec& network : plan_.networks) record.networks.push_back(network.name);
  return record;
}

std::vector<std::string> Session::remove(const Farewell& farewell) {
  return remove_session(engine_, record(), farewell);
}

}  // namespace drydock::core
