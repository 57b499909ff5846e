#include "docker/docker_engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "docker/docker_provider.hpp"
#include "docker/examine.hpp"
#include "runtime/version.hpp"

namespace drydock::docker {
namespace {

using runtime::http::ApiVersion;

constexpr ApiVersion oldest{1, 41};  // Docker 20.10
constexpr ApiVersion newest{1, 51};  // the newest whose reference was read; later engines still answer to it

std::string socket_of(const std::string& url, std::string_view origin) {
  constexpr std::string_view scheme = "unix://";
  if (!starts_with(url, scheme)) {
    throw Error(ErrorKind::unsupported,
                "cannot use engine '" + printable(url) + "'" + std::string(origin) +
                    ": only unix sockets are supported, for the project folder must be on this machine",
                "pass --engine unix:///run/docker.sock");
  }
  return url.substr(scheme.size());
}

class DockerProvider : public runtime::EngineProvider {
 public:
  std::string name() const override { return "docker"; }

  bool present() const override {
    if (const char* host = std::getenv("DOCKER_HOST"); host != nullptr && *host != '\0') return true;
    return !sockets().empty() || has_daemon();
  }

  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions& options) const override {
    return std::make_unique<DockerEngine>(choose_socket(options.url), options.stop);
  }

  std::vector<std::string> sockets() const override {
    std::vector<std::string> found;
    for (const std::string& path : usual_sockets()) {
      // /var/run is a link to /run on most machines: one socket, one entry.
      std::error_code error;
      const std::string url = "unix://" + std::filesystem::weakly_canonical(path, error).string();
      if (::access(path.c_str(), F_OK) == 0 && std::find(found.begin(), found.end(), url) == found.end())
        found.push_back(url);
    }
    return found;
  }
  std::vector<std::string> programs() const override { return examined_programs(); }
  runtime::Findings judge(const runtime::HostFacts& host, const runtime::EngineInfo* info) const override {
    return examine(host, info);
  }

 private:
  // It is installed, and perhaps stopped. The client alone says nothing: Podman brings one of the same name.
  static bool has_daemon() {
    try {
      return !find_program("dockerd").empty();
    } catch (const Error&) {
      return false;
    }
  }

  static std::vector<std::string> usual_sockets() {
    std::vector<std::string> sockets{"/run/docker.sock", "/var/run/docker.sock"};
    if (const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
        runtime_dir != nullptr && *runtime_dir == '/') {
      sockets.push_back(std::string(runtime_dir) + "/docker.sock");
    }
    return sockets;
  }

  static std::string choose_socket(const std::string& url) {
    if (!url.empty()) return socket_of(url, "");
    if (const char* host = std::getenv("DOCKER_HOST"); host != nullptr && *host != '\0') {
      return socket_of(host, " (from DOCKER_HOST)");
    }
    const auto sockets = usual_sockets();
    const auto usable = std::find_if(sockets.begin(), sockets.end(), [](const std::string& path) {
      return ::access(path.c_str(), W_OK) == 0;
    });
    if (usable != sockets.end()) return *usable;
    const auto there = std::find_if(sockets.begin(), sockets.end(), [](const std::string& path) {
      return ::access(path.c_str(), F_OK) == 0;
    });
    return there != sockets.end() ? *there : sockets.front();
  }
};

// Docker 28 has taken the field out of use: it is false there, or absent, whatever the kernel does.
std::optional<bool> filters_bridges(const Json& answer, const std::string& version) {
  const Json* told = find_member(answer, "BridgeNfIptables");
  if (told == nullptr || !told->is_boolean()) return std::nullopt;
  const auto parsed = runtime::Version::find_in(version);
  const bool meant = told->get<bool>() || (parsed && *parsed < runtime::Version{{28, 0}});
  return meant ? std::optional<bool>(told->get<bool>()) : std::nullopt;
}

void set_connect_hint(Error& error) {
  if (!error.hint().empty()) return;
  if (error.kind() == ErrorKind::permission) {
    error.set_hint("use rootless Podman (--runtime podman), or join group docker, which is as good as root");
  } else if (error.kind() == ErrorKind::unavailable) {
    error.set_hint("start Docker (systemctl start docker), or use --runtime podman");
  } else if (error.kind() == ErrorKind::timeout) {
    error.set_hint("restart Docker (systemctl restart docker), or use --runtime podman");
  }
}

}  // namespace

DockerEngine::DockerEngine(std::string socket, const StopSource* stop)
    : api_("docker", std::move(socket), stop),
      system_(api_),
      images_(api_),
      networks_(api_),
      containers_(api_),
      execs_(api_) {
  try {
    const runtime::http::Response ping = api_.client().send({.target = "/_ping"});
    const auto header = ping.headers.find("api-version");
    if (ping.status != 200 || header == ping.headers.end()) {
      const auto type = ping.headers.find("content-type");
      api_.fail("use the engine at 'unix://" + api_.client().socket() + "'", ping.status, ping.body,
                type == ping.headers.end() ? "application/octet-stream" : type->second);
    }
    if (ping.headers.count("libpod-api-version") != 0) {
      throw Error(ErrorKind::invalid,
                  "cannot use the engine at 'unix://" + api_.client().socket() + "' as Docker: it is Podman",
                  "pass --runtime podman");
    }
    const ApiVersion server = ApiVersion::parse(header->second);
    if (server < oldest) {
      throw Error(ErrorKind::unsupported,
                  "cannot use the engine at 'unix://" + api_.client().socket() + "': it speaks Docker API " +
                      printable(header->second, 20) + " and drydock needs " + oldest.to_string() +
                      " (Docker 20.10) or newer",
                  "upgrade Docker, or use --runtime podman");
    }
    const ApiVersion agreed = std::min(server, newest);
    api_.set_version(agreed, "/v" + agreed.to_string());
  } catch (Error& error) {
    set_connect_hint(error);
    throw;
  }
}

const runtime::EngineInfo& DockerSystem::info() {
  if (info_) return *info_;
  const Json answer = api_.call({.purpose = "ask Docker about itself", .path = "/info"});
  runtime::EngineInfo info;
  info.engine = name();
  info.version = string_or(answer, "ServerVersion");
  info.api_version = api_.version().to_string();
  info.socket = "unix://" + api_.client().socket();
  for (const std::string& option : strings_or_empty(answer, "SecurityOptions")) {
    if (starts_with(option, "name=rootless")) info.rootless = true;
    if (starts_with(option, "name=selinux")) info.selinux = true;
    if (starts_with(option, "name=seccomp"))
      info.seccomp = option.find("profile=unconfined") == std::string::npos;
  }
  info.oci_runtime = string_or(answer, "DefaultRuntime");
  info.storage_driver = string_or(answer, "Driver");
  info.cgroup_version = string_or(answer, "CgroupVersion");
  // Rootless without a cgroup driver accepts limits and enforces none; only these flags tell.
  const bool controllable = string_or(answer, "CgroupDriver") != "none";
  info.enforces_memory = controllable && bool_or(answer, "MemoryLimit", false);
  info.enforces_cpus = controllable && bool_or(answer, "CpuCfsQuota", false);
  info.enforces_pids = controllable && bool_or(answer, "PidsLimit", false);
  info.warnings = strings_or_empty(answer, "Warnings");
  info.filters_bridges = filters_bridges(answer, info.version);
  info.components["docker"] = info.version;
  if (const Json* runc = find_member(answer, "RuncCommit"); runc != nullptr && info.oci_runtime == "runc")
    info.components["runc"] = string_or(*runc, "ID");
  info_ = std::move(info);
  return *info_;
}

std::unique_ptr<runtime::EngineProvider> make_provider() { return std::make_unique<DockerProvider>(); }

}  // namespace drydock::docker
