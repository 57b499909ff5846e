#include "fake_engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"

namespace drydock::test {
namespace {

[[noreturn]] void missing(const std::string& what, const std::string& name) {
  throw Error(ErrorKind::not_found, "cannot find " + what + " '" + name + "': no such " + what);
}

// Output only: what a container writes comes through a pipe.
class FakeStream : public runtime::AttachStream {
 public:
  explicit FakeStream(UniqueFd read_end) : read_end_(std::move(read_end)) {}
  int fd() const override { return read_end_.get(); }
  bool has_buffered() const override { return false; }
  bool read(const std::function<void(runtime::Channel, std::span<const std::byte>)>& sink) override {
    std::array<std::byte, 4096> buffer{};
    const ssize_t count = ::read(read_end_.get(), buffer.data(), buffer.size());
    if (count < 0) return true;
    if (count == 0) return false;
    sink(runtime::Channel::out, std::span(buffer.data(), static_cast<std::size_t>(count)));
    return true;
  }
  std::size_t write(std::span<const std::byte> bytes) override { return bytes.size(); }
  void close_input() override {}

 private:
  UniqueFd read_end_;
};

// What the real probe prints where every wall stands.
std::string sound_report(const runtime::ContainerSpec& spec) {
  const Json settings = Json::parse(spec.entrypoint.at(2));
  Json checks = Json::array();
  for (const Json& name : settings.at("checks")) {
    checks.push_back({{"name", name}, {"expected", "so"}, {"got", "so"}, {"ok", true}});
  }
  return Json{{"event", "probe"}, {"checks", checks}}.dump() + "\n";
}

void end(FakeContainer& container, int exit_code) {
  container.state = runtime::ContainerState::exited;
  container.exit_code = exit_code;
  if (container.output >= 0) ::close(container.output);
  container.output = -1;
}

}  // namespace

class FakeSystem : public runtime::System {
 public:
  explicit FakeSystem(FakeEngine& engine) : engine_(engine) {}
  std::string name() const override { return engine_.info.engine; }
  const runtime::EngineInfo& info() override {
    engine_.perform("system.info", [] {});
    return engine_.info;
  }

 private:
  FakeEngine& engine_;
};

class FakeImages : public runtime::Images {
 public:
  explicit FakeImages(FakeEngine& engine) : engine_(engine) {}
  runtime::ImageReport inspect(const std::string& reference) override {
    runtime::ImageReport report;
    engine_.perform("images.inspect " + reference, [&] {
      if (engine_.image_map.count(reference) == 0) missing("image", reference);
      report = engine_.image_map.at(reference);
    });
    return report;
  }
  void load(const std::string& path) override {
    engine_.perform("images.load", [&] {
      if (engine_.on_load) engine_.on_load(path);
    });
  }
  std::vector<runtime::ImageSummary> list(const std::string& label) override {
    std::vector<runtime::ImageSummary> images;
    engine_.perform("images.list " + label, [&] {
      for (const auto& [name, report] : engine_.image_map) {
        const auto value = report.labels.find(label.substr(0, label.find('=')));
        if (value != report.labels.end() && label == value->first + "=" + value->second)
          images.push_back({report.id, {name}, report.labels});
      }
    });
    return images;
  }
  void pull(const std::string& reference, const std::function<void(const std::string&)>& progress) override {
    engine_.perform("images.pull " + reference, [&] {
      if (progress) progress("fetching");
      if (!engine_.on_pull) missing("image", reference);
      engine_.on_pull(reference);
    });
  }
  void save(const std::string& reference, const std::string& path, std::uint64_t limit) override {
    engine_.perform("images.save " + reference, [&] {
      if (engine_.on_save) engine_.on_save(path, limit);
    });
  }
  void remove(const std::string& reference) override {
    engine_.perform("images.remove " + reference, [&] { engine_.image_map.erase(reference); });
  }

 private:
  FakeEngine& engine_;
};

class FakeNetworks : public runtime::Networks {
 public:
  explicit FakeNetworks(FakeEngine& engine) : engine_(engine) {}
  std::string create(const runtime::NetworkSpec& spec) override {
    engine_.perform("networks.create " + spec.name, [&] {
      for (const auto& [name, other] : engine_.network_map) {
        if (name == spec.name || other.subnet.overlaps(spec.subnet)) {
          throw Error(ErrorKind::conflict, "cannot create network '" + spec.name + "': it is taken");
        }
      }
      engine_.network_map[spec.name] = spec;
    });
    return spec.name;
  }
  runtime::NetworkReport inspect(const std::string& name) override {
    runtime::NetworkReport report;
    engine_.perform("networks.inspect " + name, [&] {
      if (engine_.network_map.count(name) == 0) missing("network", name);
      report = report_of(engine_.network_map.at(name));
      if (engine_.alter_network) engine_.alter_network(report);
    });
    return report;
  }
  std::vector<runtime::NetworkReport> list() override {
    std::vector<runtime::NetworkReport> reports;
    engine_.perform("networks.list", [&] {
      for (const auto& [name, spec] : engine_.network_map) reports.push_back(report_of(spec));
    });
    return reports;
  }
  void remove(const std::string& name) override {
    engine_.perform("networks.remove " + name, [&] {
      for (const auto& [container, entry] : engine_.container_map) {
        for (const auto& leg : entry.spec.networks) {
          if (leg.network == name) {
            throw Error(ErrorKind::conflict,
                        "cannot remove network '" + name + "': '" + container + "' is on it");
          }
        }
      }
      engine_.network_map.erase(name);
    });
  }

 private:
  FakeEngine& engine_;
};

class FakeContainers : public runtime::Containers {
 public:
  explicit FakeContainers(FakeEngine& engine) : engine_(engine) {}

  std::string create(const runtime::ContainerSpec& spec) override {
    engine_.perform("containers.create " + spec.name, [&] {
      if (engine_.container_map.count(spec.name) != 0) {
        throw Error(ErrorKind::conflict, "cannot create container '" + spec.name + "': the name is taken");
      }
      for (const auto& leg : spec.networks) {
        if (engine_.network_map.count(leg.network) == 0) missing("network", leg.network);
      }
      engine_.container_map[spec.name].spec = spec;
    });
    return spec.name;
  }
  std::unique_ptr<runtime::AttachStream> attach(const std::string& name, bool, bool) override {
    std::unique_ptr<runtime::AttachStream> stream;
    engine_.perform("containers.attach " + name, [&] {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw Error(ErrorKind::internal, "cannot make a pipe");
      get(name).output = ends[1];
      stream = std::make_unique<FakeStream>(UniqueFd(ends[0]));
    });
    return stream;
  }
  void start(const std::string& name) override {
    engine_.perform("containers.start " + name, [&] {
      FakeContainer& container = get(name);
      container.state = runtime::ContainerState::running;
      const bool sidecar = container.spec.labels["io.drydock.role"] == "sidecar";
      if (sidecar && container.output >= 0) {
        [[maybe_unused]] const ssize_t written =
            ::write(container.output, engine_.sidecar_output.data(), engine_.sidecar_output.size());
      }
      const bool probe = container.spec.labels["io.drydock.role"] == "probe";
      if (probe && container.output >= 0) {
        const std::string report =
            engine_.probe_output.empty() ? sound_report(container.spec) : engine_.probe_output;
        [[maybe_unused]] const ssize_t written = ::write(container.output, report.data(), report.size());
      }
      if (probe) return end(container, 0);
      if (!sidecar && engine_.agent_ends_at_once) end(container, engine_.agent_exit_code);
    });
  }
  void resize(const std::string& name, runtime::TerminalSize) override {
    engine_.perform("containers.resize " + name, [&] { get(name); });
  }
  int wait(const std::string& name) override {
    int status = 0;
    engine_.perform("containers.wait " + name, [&] { status = get(name).exit_code; });
    return status;
  }
  runtime::ContainerReport inspect(const std::string& name) override {
    runtime::ContainerReport report;
    engine_.perform("containers.inspect " + name, [&] {
      const FakeContainer& container = get(name);
      report = report_of(container.spec, container.state);
      report.exit_code = container.exit_code;
      if (engine_.alter_container) engine_.alter_container(report);
    });
    return report;
  }
  std::vector<runtime::ContainerSummary> list(const std::string& label) override {
    std::vector<runtime::ContainerSummary> summaries;
    engine_.perform("containers.list " + label, [&] {
      for (const auto& [name, container] : engine_.container_map) {
        if (container.spec.labels.count(label) == 0) continue;
        runtime::ContainerSummary summary;
        summary.id = name;
        summary.name = name;
        summary.image = container.spec.image;
        summary.state = container.state;
        summary.labels = container.spec.labels;
        summaries.push_back(summary);
      }
    });
    return summaries;
  }
  void kill(const std::string& name, const std::string& signal) override {
    engine_.perform("containers.kill " + name + " " + signal, [&] { end(get(name), 137); });
  }
  void stop(const std::string& name, int) override {
    engine_.perform("containers.stop " + name, [&] { end(get(name), 143); });
  }
  void remove(const std::string& name) override {
    engine_.perform("containers.remove " + name, [&] {
      const auto found = engine_.container_map.find(name);
      if (found == engine_.container_map.end()) return;
      end(found->second, 137);
      engine_.container_map.erase(found);
    });
  }
  void read_log(const std::string& name, const runtime::LogRequest&, const runtime::LogSink& sink) override {
    engine_.perform("containers.read_log " + name, [&] {
      get(name);
      if (engine_.log_of) sink(runtime::Channel::err, engine_.log_of(name));
    });
  }

 private:
  FakeContainer& get(const std::string& name) {
    const auto found = engine_.container_map.find(name);
    if (found == engine_.container_map.end()) missing("container", name);
    return found->second;
  }
  FakeEngine& engine_;
};

// Nothing runs in the containers of this engine, so nothing more can be run in them.
class FakeExecs : public runtime::Execs {
 public:
  explicit FakeExecs(FakeEngine& engine) : engine_(engine) {}
  std::string create(const std::string& container, const runtime::ExecSpec& spec) override {
    engine_.exec_specs.push_back(spec);
    engine_.perform("execs.create " + container, [] { refuse(); });
    return {};
  }
  std::unique_ptr<runtime::AttachStream> start(const std::string&, const runtime::ExecSpec&,
                                               runtime::TerminalSize) override {
    refuse();
  }
  void resize(const std::string&, runtime::TerminalSize) override { refuse(); }
  int exit_code(const std::string&) override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw Error(ErrorKind::unsupported, "cannot run a command: nothing runs here");
  }
  FakeEngine& engine_;
};

FakeEngine::FakeEngine()
    : system_(std::make_unique<FakeSystem>(*this)),
      images_(std::make_unique<FakeImages>(*this)),
      networks_(std::make_unique<FakeNetworks>(*this)),
      containers_(std::make_unique<FakeContainers>(*this)),
      execs_(std::make_unique<FakeExecs>(*this)) {
  info.engine = "podman";
  info.version = "4.3.1";
  info.socket = "unix:///run/user/1000/podman/podman.sock";
  info.rootless = true;
  info.seccomp = true;
  info.network_backend = "netavark";
  info.cgroup_version = "v2";
  info.seccomp = true;
  info.enforces_memory = info.enforces_cpus = info.enforces_pids = true;
}

FakeEngine::~FakeEngine() {
  for (auto& [name, container] : container_map) end(container, 0);
}

runtime::System& FakeEngine::system() { return *system_; }
runtime::Images& FakeEngine::images() { return *images_; }
runtime::Networks& FakeEngine::networks() { return *networks_; }
runtime::Containers& FakeEngine::containers() { return *containers_; }
runtime::Execs& FakeEngine::execs() { return *execs_; }

void FakeEngine::perform(const std::string& call, const std::function<void()>& effect) {
  const std::size_t number = calls_.size();
  calls_.push_back(call);
  if (before) before(call, number);
  effect();
  if (after) after(call, number);
}

std::vector<std::string> FakeEngine::objects() const {
  std::vector<std::string> names;
  for (const auto& [name, container] : container_map) names.push_back(name);
  for (const auto& [name, network] : network_map) names.push_back(name);
  return names;
}

runtime::ContainerReport report_of(const runtime::ContainerSpec& spec, runtime::ContainerState state) {
  runtime::ContainerReport report;
  report.id = spec.name;
  report.name = spec.name;
  report.state = state;
  report.labels = spec.labels;
  report.user = std::to_string(spec.uid) + ":" + std::to_string(spec.gid);
  report.workdir = spec.workdir;
  report.environment = spec.environment;
  report.oci_runtime = spec.oci_runtime;
  report.bounding_capabilities = spec.capabilities;
  std::sort(report.bounding_capabilities.begin(), report.bounding_capabilities.end());
  report.image_id = spec.image_id;
  report.no_new_privileges = spec.no_new_privileges;
  report.no_core_files = spec.no_core_files;
  report.read_only_root = spec.read_only_root;
  report.init = spec.init;
  report.tty = spec.tty;
  report.binds = spec.binds;
  for (const auto& mount : spec.tmpfs) report.tmpfs_targets.push_back(mount.target);
  report.limits = spec.limits;
  report.sysctls = spec.sysctls;
  report.groups = spec.groups;
  report.host_network = spec.host_network;
  report.networks = spec.networks;
  if (spec.no_dns) report.dns_servers = {"127.0.0.1"};
  report.host_entries = spec.host_entries;
  return report;
}

runtime::NetworkReport report_of(const runtime::NetworkSpec& spec) {
  runtime::NetworkReport report;
  report.id = spec.name;
  report.name = spec.name;
  report.internal = spec.internal;
  report.host_address = !spec.internal;
  report.members_isolated = true;
  report.subnets = {spec.subnet};
  report.labels = spec.labels;
  return report;
}

}  // namespace drydock::test
