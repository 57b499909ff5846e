#include "podman/podman_engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "podman/examine.hpp"
#include "podman/podman_provider.hpp"
#include "podman/seccomp.hpp"
#include "podman/service.hpp"

namespace drydock::podman {
namespace {

using runtime::http::ApiVersion;

constexpr ApiVersion oldest{4, 3};
// Accepted by every Podman from 4.0 on; newer ones add fields and remove none that is used here.
constexpr std::string_view prefix = "/v4.0.0/libpod";

std::string socket_of(const std::string& url, std::string_view origin) {
  constexpr std::string_view scheme = "unix://";
  if (!starts_with(url, scheme)) {
    throw Error(ErrorKind::unsupported,
                "cannot use engine '" + printable(url) + "'" + std::string(origin) +
                    ": only unix sockets are supported, for the project folder must be on this machine",
                "pass --engine unix:///run/user/" + std::to_string(::geteuid()) + "/podman/podman.sock");
  }
  return url.substr(scheme.size());
}

class PodmanProvider : public runtime::EngineProvider {
 public:
  std::string name() const override { return "podman"; }

  bool present() const override {
    if (const char* host = std::getenv("CONTAINER_HOST"); host != nullptr && *host != '\0') return true;
    return !find_podman().empty() || ::access(usual_socket().c_str(), F_OK) == 0;
  }

  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions& options) const override {
    const std::string socket = choose_socket(options);
    // drydock's own service ends when it is idle, as it is while an image is made.
    std::function<void()> revive;
    if (socket == private_socket()) revive = [stop = options.stop] { ensure_private_service(stop); };
    return std::make_unique<PodmanEngine>(socket, options.stop, std::move(revive));
  }

  std::vector<std::string> sockets() const override {
    std::vector<std::string> found;
    for (const std::string& path : {usual_socket(), std::string("/run/podman/podman.sock")}) {
      const std::string url = "unix://" + path;
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
  static std::string usual_socket() {
    if (::geteuid() == 0) return "/run/podman/podman.sock";
    const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
    const std::string base = runtime_dir != nullptr && *runtime_dir == '/'
                                 ? std::string(runtime_dir)
                                 : "/run/user/" + std::to_string(::geteuid());
    return base + "/podman/podman.sock";
  }

  static std::string choose_socket(const runtime::ConnectOptions& options) {
    if (!options.url.empty()) return socket_of(options.url, "");
    if (const char* host = std::getenv("CONTAINER_HOST"); host != nullptr && *host != '\0') {
      return socket_of(host, " (from CONTAINER_HOST)");
    }
    if (const std::string usual = usual_socket(); answers(usual)) return usual;
    return ensure_private_service(options.stop);
  }
};

}  // namespace

PodmanEngine::PodmanEngine(std::string socket, const StopSource* stop, std::function<void()> revive)
    : api_("podman", std::move(socket), stop),
      system_(api_),
      images_(api_),
      networks_(api_),
      containers_(api_, system_),
      execs_(api_) {
  const std::string address = "unix://" + api_.client().socket();
  api_.client().set_revive(std::move(revive));
  try {
    const runtime::http::Response ping = api_.client().send({.target = "/libpod/_ping"});
    const auto header = ping.headers.find("libpod-api-version");
    if (header == ping.headers.end()) {
      if (ping.headers.count("api-version") != 0) {
        throw Error(ErrorKind::invalid, "cannot use the engine at '" + address + "' as Podman: it is Docker",
                    "pass --runtime docker");
      }
      const auto type = ping.headers.find("content-type");
      api_.fail("use the engine at '" + address + "'", ping.status, ping.body,
                type == ping.headers.end() ? "application/octet-stream" : type->second);
    }
    const ApiVersion server = ApiVersion::parse(header->second);
    if (server < oldest) {
      throw Error(ErrorKind::unsupported,
                  "cannot use the engine at '" + address + "': it is Podman " +
                      printable(header->second, 20) + " and drydock needs 4.3 or newer",
                  "upgrade podman, or use --runtime docker");
    }
    api_.set_version(server, std::string(prefix));
  } catch (Error& error) {
    if (error.hint().empty()) error.set_hint("see that 'podman info' works for you, or use --runtime docker");
    throw;
  }
}

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// What Podman is made of. Before 4.8 it tells nothing of its network's programs.
void read_components(const Json& host, runtime::EngineInfo& info) {
  info.components["podman"] = info.version;
  if (const Json* oci = find_member(host, "ociRuntime")) {
    info.oci_runtime = string_or(*oci, "name");
    info.components[info.oci_runtime] = first_line(string_or(*oci, "version"));
  }
  for (const char* name : {"slirp4netns", "pasta"}) {
    const Json* member = find_member(host, name);
    if (member != nullptr && !string_or(*member, "executable").empty())
      info.components[name] = first_line(string_or(*member, "version"));
  }
  const Json* network = find_member(host, "networkBackendInfo");
  if (network == nullptr || string_or(*network, "backend") != "netavark") return;
  if (const std::string version = string_or(*network, "version"); !version.empty())
    info.components["netavark"] = version;
  if (const Json* dns = find_member(*network, "dns")) {
    if (const std::string version = string_or(*dns, "version"); !version.empty())
      info.components["aardvark-dns"] = version;
  }
}

}  // namespace

const runtime::EngineInfo& PodmanSystem::info() {
  if (info_) return *info_;
  const Json answer = api_.call({.purpose = "ask Podman about itself", .path = "/info"});
  runtime::EngineInfo info;
  info.engine = name();
  info.api_version = api_.version().to_string();
  info.socket = "unix://" + api_.client().socket();
  if (const Json* version = find_member(answer, "version")) info.version = string_or(*version, "Version");
  if (const Json* host = find_member(answer, "host")) {
    if (const Json* security = find_member(*host, "security")) {
      info.rootless = bool_or(*security, "rootless", false);
      info.selinux = bool_or(*security, "selinuxEnabled", false);
      info.seccomp = bool_or(*security, "seccompEnabled", false);
      seccomp_profile_path_ = string_or(*security, "seccompProfilePath");
    }
    read_components(*host, info);
    info.cgroup_version = string_or(*host, "cgroupVersion");
    info.network_backend = string_or(*host, "networkBackend");
    info.rootless_network = string_or(*host, "rootlessNetworkCmd");
    const auto controllers = strings_or_empty(*host, "cgroupControllers");
    const auto has = [&](std::string_view name) {
      return std::find(controllers.begin(), controllers.end(), name) != controllers.end();
    };
    // Rootless on cgroup v1 has no limits at all, whatever is listed.
    const bool usable = !(info.rootless && info.cgroup_version != "v2");
    info.enforces_memory = usable && has("memory");
    info.enforces_cpus = usable && has("cpu");
    info.enforces_pids = usable && has("pids");
  }
  if (const Json* store = find_member(answer, "store"))
    info.storage_driver = string_or(*store, "graphDriverName");
  info_ = std::move(info);
  return *info_;
}

const Json& PodmanSystem::seccomp_profile() {
  info();
  if (seccomp_profile_.is_null())
    seccomp_profile_ = without_namespaces(default_profile(seccomp_profile_path_));
  return seccomp_profile_;
}

std::unique_ptr<runtime::EngineProvider> make_provider() { return std::make_unique<PodmanProvider>(); }

}  // namespace drydock::podman
